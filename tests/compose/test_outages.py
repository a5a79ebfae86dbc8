"""Killed as by a power cut, and back: broker, database, object store; and the whole stack taken down and up."""

import time
from uuid import uuid4

import pytest

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import Project

AWAY_SECONDS = 3


@pytest.mark.parametrize("service", ["nats", "postgres", "seaweedfs"])
def test_killed_and_back_no_job_is_lost(stack: Project, eventually: Eventually, service: str) -> None:
    """Jobs that were accepted before and during the outage are done after it, and none ends as a dead letter."""
    address, owner = f"{uuid4()}@example.com", work.user(stack)
    ids = work.upload(stack, owner, [work.PHOTOGRAPH] * 10)
    letters = work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ")
    work.publish(stack, "upload.process", [{"fileId": file_id, "userId": owner} for file_id in ids])
    work.publish(stack, "email.send", [work.mail(address)] * 30)
    stack.compose("kill", "--signal", "KILL", service)
    if service != "nats":
        work.publish(stack, "email.send", [work.mail(address)] * 10)
    time.sleep(AWAY_SECONDS)  # the outage itself
    stack.up("--no-recreate")
    if service == "nats":
        work.publish(stack, "email.send", [work.mail(address)] * 10)
    done = f"SELECT id FROM files WHERE user_id = '{owner}' AND processed"  # noqa: S608 - its own id
    sent = f"recipients::text LIKE '%{address}%' AND sent_at IS NOT NULL"
    delivered = f"SELECT job_id FROM email_deliveries WHERE {sent}"  # noqa: S608 - as above
    wanted = [len(ids), 40]
    eventually(
        lambda: [len(stack.rows(query)) for query in (done, delivered)] == wanted,
        "all are worked off",
        timeout_seconds=120,
    )
    # A mail may be sent twice when its worker could not note it: at least once, with the same Message-ID.
    assert len({mail["headers"]["message-id"] for mail in stack.mails(address)}) == 40
    assert work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ") == letters


def test_down_and_up_keeps_the_state(stack: Project, eventually: Eventually) -> None:
    """Jobs that wait, dead letters, rows, objects and passwords are there again; the stack goes on with them."""
    address, owner = f"{uuid4()}@example.com", work.user(stack)
    (file_id,) = work.upload(stack, owner, [work.PHOTOGRAPH])
    stack.compose("stop", "email", "upload")
    work.publish(stack, "email.send", [work.mail(address)] * 5)
    work.publish(stack, "upload.process", [{"fileId": file_id, "userId": owner}])
    with stack.cli("producer") as cli:
        cli.pub("jobs.report.generate", b"no JSON")
    eventually(lambda: work.messages(stack, "REPORT") == 0, "the wrong one is a dead letter")
    letters = work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ", "REPORT_DLQ")
    passwords = [stack.password(whose) for whose in ("producer", "operator", "postgres", "s3")]
    stack.compose("down")
    stack.forget_passwords()
    stack.up()
    assert [stack.password(whose) for whose in ("producer", "operator", "postgres", "s3")] == passwords
    eventually(lambda: len(stack.mails(address)) == 5, "the mails that waited are sent")
    done = f"SELECT id FROM files WHERE id = '{file_id}' AND processed"  # noqa: S608 - its own id
    eventually(lambda: stack.rows(done), "the file that waited is processed")
    assert work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ", "REPORT_DLQ") == letters > 0
