"""The email service as a process, and a mail server that says later: what waits is seen, and arrives."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import select

from contracts.email import SendEmail
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import Database, open_database
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.topology.discovery import PING, WorkerInfo, reply_subject
from schema.tables import email_deliveries
from tests.harness import eventually
from tests.servers import serving


@pytest.fixture(scope="module")
async def service(stack: Stack) -> AsyncIterator[Service]:
    """Ready, with short waits."""
    await stack.provision()
    one = Service(stack, "email", extra={"LOG_FORMAT": "json", "MAIL_SENDERS": "@acme.example"})
    async with serving(one):
        yield one


@pytest.fixture
async def connection(stack: Stack, service: Service) -> AsyncIterator[Connection]:
    """The operator's."""
    del service
    opened = await connect(ProcessSettings(nats_url=stack.broker.url), name="operator")
    yield opened
    await opened.close()


@pytest.fixture
async def database(stack: Stack, service: Service) -> AsyncIterator[Database]:
    """The service's."""
    del service
    opened = open_database(f"sqlite+aiosqlite:///{stack.database}")
    yield opened
    await opened.close()


async def _row(database: Database, job_id: str, status: str) -> dict[str, dict[str, str]]:
    """Wait for a mail to have a status; return the outcome of each recipient."""

    async def found() -> dict[str, dict[str, str]] | None:
        query = select(email_deliveries.c.outcomes).where(
            email_deliveries.c.job_id == job_id, email_deliveries.c.status == status
        )
        async with database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else dict(row.outcomes)

    outcomes: dict[str, dict[str, str]] = await eventually(found, what=f"{job_id} is {status}", timeout_seconds=40)
    return outcomes


def _arrived(stack: Stack, subject: str) -> list[str]:
    mails = [file.read_text(errors="replace") for file in stack.mail.messages()]
    return [
        line.removeprefix("X-Envelope-To: ")
        for mail in mails
        if f"Subject: {subject}\n" in mail
        for line in mail.splitlines()
        if line.startswith("X-Envelope-To: ")
    ]


async def test_a_greylisted_recipient_is_waited_for_and_nobody_gets_the_mail_twice(
    stack: Stack, service: Service, connection: Connection, database: Database
) -> None:
    """Row, log and metric show that it waits; no attempt is counted, and there is no dead letter."""
    to = ("ada@example.com", "greylisted-3@example.com")
    await Publisher(connection).publish(SendEmail(to=to, subject="Greylist", body="<p>Hi</p>"), job_id="grey")
    waiting = await _row(database, "grey", "waiting")
    assert {address: outcome["state"] for address, outcome in waiting.items()} == {to[0]: "accepted", to[1]: "waiting"}
    assert "451 4.7.1" in waiting[to[1]]["reply"]
    sent = await _row(database, "grey", "sent")
    assert {outcome["state"] for outcome in sent.values()} == {"accepted"}
    assert _arrived(stack, "Greylist") == [to[0], to[1]]

    lines = [json.loads(line) for line in service.log.read_text().splitlines() if '"job_id":"grey"' in line]
    assert {line["outcome"] for line in lines} == {"snooze", "done"}
    assert {line["attempt"] for line in lines} == {1}
    assert "put off 1 times" in next(line["error"] for line in lines if line["outcome"] == "snooze")

    def metrics() -> str:
        with urllib.request.urlopen(f"{service.health_url}/metrics", timeout=10) as answer:  # noqa: S310 - on loopback
            return str(answer.read().decode())

    (deferred,) = [
        float(line.split()[1])
        for line in (await asyncio.to_thread(metrics)).splitlines()
        if line.startswith("nightshift_mail_deferred_total")
    ]
    assert deferred >= 1


async def test_a_quota_holds_its_sender_and_the_operator_is_told(
    stack: Stack, connection: Connection, database: Database
) -> None:
    """Its mails wait, another sender's go; nothing is a dead letter; the answer to the operator names the sender."""
    publisher, senders = Publisher(connection), ("quota-9@acme.example", "quota-9@acme.example", "other@acme.example")
    for number, sender in enumerate(senders):
        mail = SendEmail(to="bob@example.com", subject="Quota", body="<p>Hi</p>", sender=sender)
        await publisher.publish(mail, job_id=f"quota-{number}")
    await _row(database, "quota-2", "sent")

    async def waiting() -> bool:
        info = await manage(connection, "STREAM.INFO.EMAIL_LATER", {"subjects_filter": "later.email.send.*"})
        return set(info["state"].get("subjects") or ()) >= {"later.email.send.quota-0", "later.email.send.quota-1"}

    await eventually(waiting, what="both mails of the sender wait")
    assert len(_arrived(stack, "Quota")) == 1
    dead = await manage(connection, "STREAM.INFO.EMAIL_DLQ")
    assert dead["state"]["messages"] == 0

    answers = list[WorkerInfo]()

    def receive(_subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        answers.append(msgspec.json.decode(body, type=WorkerInfo))

    await connection.listen(reply_subject("email"), receive)
    connection.send(PING.encode(), b'{"checks": true}')
    await eventually(lambda: answers, what="the service answers")
    told = "; ".join(check.error for check in answers[0].checks or () if not check.ok)
    assert "quota-9@acme.example is held back for" in told
    assert "550 5.4.5" in told
