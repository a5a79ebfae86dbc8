"""Passwords and keys are replaced on a running stack: nothing is lost, and what does not fit is told."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.compose import work
from tests.compose.conftest import Eventually
from tests.compose.project import Project

INSIDE = ("broker", "database", "objects")


def renew(stack: Project, *kinds: str) -> None:
    """The two commands of docs/operations.md."""
    stack.compose("run", "--rm", "-T", "--no-deps", "credentials", "deploy.renew", *kinds)
    stack.forget_passwords()
    stack.up("--no-recreate")


@contextmanager
def load(stack: Project, address: str) -> Iterator[Counter[str]]:
    """Mails are published all the while; yields how many were accepted."""
    published, stop = Counter[str](), threading.Event()

    def publish() -> None:
        while not stop.is_set():
            published["mails"] += work.publish(stack, "email.send", [work.mail(address)] * 5)
            stop.wait(0.2)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield published
    finally:
        stop.set()
        thread.join()


def test_every_secret_inside_the_stack_is_replaced_under_load(stack: Project, eventually: Eventually) -> None:
    """No mail and no file is lost, none fails, no container is restarted; the old passwords are refused."""
    address, owner = f"{uuid4()}@example.com", work.user(stack)
    ids = work.upload(stack, owner, [work.PHOTOGRAPH] * 10)
    letters = work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ")
    before = {name: stack.containers(name) for name in ("email", "upload", "gateway", "nats", "postgres")}
    operator, producer = stack.password("operator"), stack.password("producer")
    with load(stack, address) as published:
        renew(stack, *INSIDE)
        work.publish(stack, "upload.process", [{"fileId": file_id, "userId": owner} for file_id in ids])
    assert {name: stack.containers(name) for name in before} == before
    assert stack.password("operator") != operator
    assert stack.password("producer") == producer
    done = f"SELECT id FROM files WHERE user_id = '{owner}' AND processed"  # noqa: S608 - its own id
    eventually(lambda: len(stack.rows(done)) == len(ids), "all files are processed", timeout_seconds=90)
    eventually(lambda: len(stack.mails(address)) >= published["mails"], "all mails are sent", timeout_seconds=90)
    assert len({mail["headers"]["message-id"] for mail in stack.mails(address)}) == published["mails"] > 10
    assert work.messages(stack, "EMAIL_DLQ", "UPLOAD_DLQ") == letters
    eventually(lambda: "wrong" not in stack.doctor(), "doctor finds nothing wrong")


def test_what_programs_outside_use_is_replaced_apart(stack: Project, eventually: Eventually) -> None:
    """The producer's old password ends, the operator's stays."""
    operator, producer = stack.password("operator"), stack.password("producer")
    renew(stack, "outside")
    assert (stack.password("operator") == operator, stack.password("producer") == producer) == (True, False)
    eventually(lambda: not stack.lets_in("producer", producer), "the old password is refused")
    work.publish(stack, "email.send", [work.mail(f"{uuid4()}@example.com")])


@pytest.mark.parametrize("how", ["its connections are ended", "the server is restarted"])
def test_a_password_that_does_not_fit_is_told_and_mended(stack: Project, eventually: Eventually, how: str) -> None:
    """Somebody changed it at the server alone: jobs wait, `doctor` names the service, and `up` gives it the file's."""
    address = f"{uuid4()}@example.com"
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'nightshift_email'"
    stack.sql("ALTER ROLE nightshift_email PASSWORD 'another'")
    if "restarted" in how:
        stack.compose("restart", "postgres")
    else:
        stack.rows(ended)
    work.publish(stack, "email.send", [work.mail(address)] * 3)
    told = eventually(lambda: (said := stack.doctor()) and "nightshift_email" in said and said, "doctor tells")
    assert 'password authentication failed for user "nightshift_email"' in told
    assert "wrong" in told
    assert stack.mails(address) == []
    stack.up("--no-recreate")
    eventually(lambda: len(stack.mails(address)) == 3, "all are sent")
