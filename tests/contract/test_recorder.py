"""The judge of what services publish finds whatever no contract declares."""

import json
from typing import Any

import pytest

from nightshift.contract import wire
from tests.integration.contracts.recorder import Published, undeclared

JOB = Published(
    "jobs.email.send",
    {"Job-Id": "a", "Nats-Msg-Id": "email.send/a"},
    b'{"to":"ada@example.com","subject":"Hi","body":"Hi"}',
)
LATER = Published(
    "later.report.generate.a",
    {"Job-Id": "a", "Nats-Schedule": "@at 2026-07-24T09:41:17Z", "Nats-Schedule-Target": "due.report.generate"},
    b'{"reportId":"report-41"}',
)
DEAD = Published(
    "dead.report.generate",
    {
        "Job-Id": "a",
        "Nats-Msg-Id": "dead:REPORT:1:2",
        "Dead-Reason": "invalid",
        "Dead-Error": "no",
        "Dead-Attempts": "1",
        "Dead-Subject": "jobs.report.generate",
        "Dead-Stream": "REPORT",
        "Dead-Sequence": "1",
        "Dead-Time": "2026-07-24T09:41:17.530Z",
    },
    b"anything",
)


@pytest.mark.parametrize("message", [JOB, LATER, DEAD], ids=lambda message: message.subject)
def test_what_is_declared_passes(message: Published) -> None:
    """A follow-up job, a job put back, a dead letter."""
    assert undeclared("report", message) == []


def _with(message: Published, *, subject: str = "", drop: str = "", body: Any = None, **headers: str) -> Published:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in message.headers.items() if name != drop} | named
    return Published(subject or message.subject, kept, message.body if body is None else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (_with(JOB, subject="mails.send"), "no subject of ours"),
        (_with(JOB, subject="workers.here.report"), "no answer to a ping"),
        (_with(JOB, subject="jobs.upload.process", Nats_Msg_Id="upload.process/a"), "do not say that it publishes"),
        (_with(LATER, subject="later.upload.process.a"), "do not say that it publishes"),
        (_with(DEAD, subject="dead.upload.process"), "do not say that it publishes"),
        (_with(JOB, subject="cron.sync.all"), "do not say that it publishes"),
        (_with(JOB, Nats_Msg_Id="a"), "Nats-Msg-Id is 'a', expected <type>/<job id>"),
        (_with(JOB, drop="Job-Id"), "expected <type>/<job id>"),
        (_with(JOB, Tenant="acme"), "the header Tenant is not declared"),
        (_with(JOB, X_Team="red"), "the header X-Team is not declared"),
        (_with(JOB, Job_Attempt_Base="many"), "a whole number"),
        (_with(JOB, body={"to": "nobody", "subject": "Hi", "body": "Hi"}), "$.to"),
        (_with(JOB, body={"to": "a@b.cc", "subject": "Hi", "body": "Hi", "tenant": 1}), "'tenant' was unexpected"),
        (Published(JOB.subject, JOB.headers, b"Hi"), "the body is no JSON"),
        (_with(LATER, Job_Id="b"), "is not the one in the subject"),
        (_with(LATER, Nats_Schedule_Target="due.report.other"), "another type's"),
        (_with(LATER, Nats_Schedule="@every 1m"), "Nats-Schedule"),
        (_with(DEAD, Dead_Reason="bored"), "Dead-Reason"),
        (_with(DEAD, drop="Dead-Time"), "Dead-Time"),
        (_with(DEAD, Dead_Error="no\nway"), "Dead-Error"),
        (_with(DEAD, Nats_Msg_Id="again:REPORT:1:2"), "Nats-Msg-Id"),
    ],
)
def test_what_is_not_declared_is_named(message: Published, words: str) -> None:
    """Subject, headers and body; each problem says who published it where."""
    problems = undeclared("report", message)
    assert any(words in problem for problem in problems), problems
    assert all(problem.startswith(f"report {'published ' * ('mails' in message.subject)}on ") for problem in problems)


def test_the_headers_of_a_dead_letter_are_all_declared() -> None:
    """No name on the wire is missing in the contract of headers."""
    names = {value for name, value in vars(wire).items() if name.startswith("DEAD_") and name != "DEAD_PREFIX"}
    assert names <= DEAD.headers.keys()
