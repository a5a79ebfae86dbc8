"""Every kind of job and every event, through the whole stack, with the permissions that each service really has."""

import json
from functools import partial
from uuid import uuid4

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import Project


def test_an_uploaded_photograph_gets_its_thumbnail(stack: Project, eventually: Eventually) -> None:
    """`upload.process`: object and row in, metadata and thumbnail out."""
    owner = work.user(stack)
    (file_id,) = work.upload(stack, owner, [work.PHOTOGRAPH])
    work.publish(stack, "upload.process", [{"fileId": file_id, "userId": owner}])
    query = f"SELECT content_type, thumbnail_key FROM files WHERE id = '{file_id}' AND processed"  # noqa: S608 - its own id
    (row,) = eventually(lambda: stack.rows(query), "the file is processed")
    assert row["content_type"] == "image/jpeg"
    assert row["thumbnail_key"]


def test_a_linked_account_is_synced(stack: Project, eventually: Eventually) -> None:
    """`sync.external`: the feed's entries are records."""
    owner = work.linked_account(stack, "0")
    work.publish(stack, "sync.external", [{"userId": owner, "service": "feed"}])
    eventually(lambda: len(records_of(stack, owner)) == 3, "three records")


def test_a_report_is_made_and_announced_by_mail(stack: Project, eventually: Eventually) -> None:
    """`report.generate` counts dead letters at the broker, stores page and table, and enqueues `email.send`."""
    report, address = uuid4().hex, f"{uuid4()}@example.com"
    row = {"id": report, "kind": "weekly-summary", "requester_email": address, "parameters": {}, "status": "pending"}
    stack.insert("reports", [row | {"created_at": work.ago()}])
    work.publish(stack, "report.generate", [{"reportId": report}])
    eventually(lambda: stack.mails(address), "the mail about the report")
    (made,) = stack.rows(f"SELECT status, html_key, csv_key FROM reports WHERE id = '{report}'")  # noqa: S608 - its own id
    assert made["status"] == "done"
    assert made["html_key"]
    assert made["csv_key"]


def test_each_schedules_event_becomes_the_jobs_that_do_the_work(stack: Project, eventually: Eventually) -> None:
    """The operator asks by hand for all three: cleanup, sync of all accounts, weekly report."""
    owner = work.linked_account(stack, "0")
    session = {"id": uuid4().hex, "user_id": owner, "created_at": work.ago(days=9), "expires_at": work.ago(days=2)}
    stack.insert("sessions", [session])
    before = len(stack.mails("admin@example.com"))
    with stack.cli() as cli:
        for name in ("cleanup.daily", "sync.all", "report.weekly"):
            now = work.ago()
            event = {"name": name, "schedule": "@manual", "timeZone": "UTC", "due": now, "announced": now}
            assert cli.req(f"cron.{name}.manual", json.dumps(event))["stream"] == "CRON"
    expired = f"SELECT id FROM sessions WHERE id = '{session['id']}'"  # noqa: S608 - its own id
    eventually(lambda: not stack.rows(expired), "the expired session is gone")
    eventually(lambda: len(records_of(stack, owner)) == 3, "the account is synced")
    eventually(lambda: len(stack.mails("admin@example.com")) > before, "the weekly report is mailed")
    kinds = "SELECT DISTINCT kind FROM cleanup_runs WHERE done"
    eventually(lambda: len(stack.rows(kinds)) == 5, "all five cleanups are done")


def test_a_job_that_fails_waits_comes_again_and_ends_as_a_dead_letter(stack: Project, eventually: Eventually) -> None:
    """Again later and dead letters are publishes too, which each service must be allowed."""
    wrong = {
        "email.send": {"to": "nobody"},
        "upload.process": {"fileId": 1},
        "sync.external": {"service": "feed"},
        "report.generate": {"reportId": ""},
    }
    # Nobody but the schedules and the operator may ask for a cleanup.
    internal = {"maintenance.sessions": {"olderThanDays": "many"}}
    before = {job_type: work.messages(stack, f"{service(job_type)}_DLQ") for job_type in (*wrong, *internal)}
    missing = {"fileId": uuid4().hex, "userId": "nobody"}
    with stack.cli("producer") as cli:
        for job_type, body in wrong.items():
            cli.pub(f"jobs.{job_type}", json.dumps(body))
        cli.pub("jobs.upload.process", json.dumps(missing))
    with stack.cli() as cli:
        for job_type, body in internal.items():
            cli.pub(f"jobs.{job_type}", json.dumps(body))
    eventually(lambda: any(job["outcome"] == "retry" for job in stack.jobs("upload")), "the missing row is tried again")
    for job_type, count in before.items():
        stream = f"{service(job_type)}_DLQ"
        eventually(partial(more_than, stack, stream, count), f"a dead letter in {stream}")


def test_the_broker_refused_none_of_the_services(stack: Project) -> None:
    """After all this its log names no service for a publish or a subscription without permission."""
    log = stack.compose("logs", "--no-color", "nats")
    refused = [line for line in log.splitlines() if "Violation" in line]
    assert [line for line in refused if "PRODUCER/user:" not in line and "authentication" not in line] == []


def test_the_schedulers_are_ready_and_know_the_timetable(stack: Project) -> None:
    """Both read their memory from the broker."""
    started = [event for event in stack.events("scheduler") if event["event"] == "scheduler_started"]
    assert len({event["container"] for event in started}) == 2


def more_than(stack: Project, stream: str, count: int) -> bool:
    """Whether a stream has more messages than that."""
    return work.messages(stack, stream) > count


def records_of(stack: Project, owner: str) -> list[dict[str, object]]:
    """The records that a user's account has."""
    accounts = f"SELECT id FROM linked_accounts WHERE user_id = '{owner}'"  # noqa: S608 - its own id
    return stack.rows(f"SELECT external_id FROM external_records WHERE account_id IN ({accounts})")  # noqa: S608 - as above


def service(job_type: str) -> str:
    """The stream's name of a job type's service."""
    return job_type.partition(".")[0].upper()
