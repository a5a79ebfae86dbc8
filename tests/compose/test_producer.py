"""What the producer's user can do from the host with the `nats` command line, in that tool's own bytes."""

from uuid import uuid4

import pytest

from tests.compose.conftest import Eventually
from tests.compose.project import Project
from tests.nats_cli import NatsCli

BODY = '{{"to":"{0}@example.com","subject":"Hello","body":"<p>Hello {0}</p>"}}'


def test_a_body_typed_by_hand_becomes_a_mail(stack: Project, eventually: Eventually) -> None:
    """`nats pub jobs.email.send '{…}'` makes the mail appear in the catcher."""
    with stack.cli("producer") as cli:
        cli.pub("jobs.email.send", BODY.format(name := f"ada-{uuid4()}"))
        assert cli.refusals == []
    (mail,) = eventually(lambda: stack.mails(f"{name}@example.com"), "the mail arrives")
    assert mail["subject"] == "Hello"


def test_headers_typed_by_hand_reach_the_job(stack: Project, eventually: Eventually) -> None:
    """`nats pub … -H Job-Id:welcome-17`: the same job three times is one mail."""
    job_id, name = f"welcome-{uuid4()}", f"grace-{uuid4()}"
    headers = {"Job-Id": job_id, "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    with stack.cli("producer") as cli:
        for _ in range(3):
            cli.pub("jobs.email.send", BODY.format(name), headers)

    def deliveries() -> list[str]:
        return sorted(job["outcome"] for job in stack.jobs("email") if job["job_id"] == job_id)

    eventually(lambda: deliveries() == ["done", "duplicate", "duplicate"], "three deliveries, one of them done")
    assert len(stack.mails(f"{name}@example.com")) == 1


def test_a_request_shows_that_the_broker_has_the_job(stack: Project) -> None:
    """`nats req jobs.email.send '{…}'` prints stream and sequence."""
    with stack.cli("producer") as cli:
        answer = cli.req("jobs.email.send", BODY.format("alan"))
    assert answer["stream"] == "EMAIL"
    assert answer["seq"] > 0


@pytest.mark.parametrize(
    "subject",
    [
        "$JS.API.STREAM.PURGE.EMAIL",
        "$JS.API.STREAM.DELETE.EMAIL",
        "$JS.API.STREAM.UPDATE.EMAIL",
        "$JS.API.STREAM.MSG.DELETE.EMAIL",
        "$JS.API.STREAM.PURGE.EMAIL_LATER",
        "$JS.API.CONSUMER.CREATE.EMAIL.spy",
        "$JS.API.CONSUMER.DELETE.EMAIL.email",
        "$JS.API.CONSUMER.PAUSE.EMAIL.email",
        "$JS.API.CONSUMER.MSG.NEXT.EMAIL.email",
        "$JS.ACK.EMAIL.email.1.1.1.1.0",
        "later.email.send.welcome-17",
        "due.email.send",
        "dead.email.send",
        "cron.cleanup.daily",
    ],
)
def test_a_producer_cannot_touch_what_others_sent(stack: Project, subject: str) -> None:
    """Neither purge, delete, delay, replace, take nor acknowledge."""
    with stack.cli("producer") as cli:
        assert not cli.may_publish(subject, b"{}")


@pytest.mark.parametrize(
    "orders",
    [
        {"Nats-Rollup": "all"},
        {"Nats-Rollup": "sub"},
        {"Nats-Schedule": "@at 2099-01-01T00:00:00Z", "Nats-Schedule-Target": "jobs.email.send"},
        {"Nats-Scheduler": "later.email.send.welcome-17", "Nats-Schedule-Next": "purge"},
        {"Nats-TTL": "1s"},
    ],
    ids=lambda orders: next(iter(orders)),
)
def test_orders_to_the_broker_are_refused(stack: Project, orders: dict[str, str]) -> None:
    """A header that would delete, replace or delay what is stored makes the broker refuse the job, and say so."""
    with stack.cli("producer") as cli:
        stored = cli.req("jobs.email.send", BODY.format("alan"))["seq"]
        assert "error" in cli.req("jobs.email.send", BODY.format("mallory"), orders)
        assert cli.req("jobs.email.send", BODY.format("alan"))["seq"] == stored + 1


def test_without_a_password_nobody_comes_in(stack: Project) -> None:
    """The broker takes no anonymous connection."""
    with pytest.raises(ConnectionResetError, match="Authorization Violation"):
        NatsCli(stack.nats_port)
