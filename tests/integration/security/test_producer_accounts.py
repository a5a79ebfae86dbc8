"""A producer reaches the subjects of its jobs and nothing else: neither by a reply nor by a subscription."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.email import SendEmail
from nightshift.broker import Connection, NotPermittedError, connect
from nightshift.broker.jetstream import manage
from nightshift.contract.catalogue import load_catalogue
from nightshift.messaging.outbound import encode
from nightshift.messaging.publisher import Publisher
from tests.integration.security.conftest import Guarded

MAIL = encode(SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>"))
REPLIES = [
    "paused.sync.all",
    "later.email.send.welcome-17",
    "due.email.send",
    "dead.email.send",
    "cron.cleanup.daily",
    "cron.cleanup.daily.manual",
    "jobs.maintenance.activity",
    "workers.here.email",
    "$JS.API.STREAM.PURGE.EMAIL",
    "$JS.API.STREAM.DELETE.EMAIL",
]


@pytest.fixture
async def producer(guarded: Guarded) -> AsyncIterator[Connection]:
    """A producer's connection."""
    connection = await connect(guarded.settings("producer"), name="producer")
    yield connection
    await connection.close()


async def _counts(operator: Connection) -> dict[str, int]:
    names = (await manage(operator, "STREAM.NAMES"))["streams"]
    return {name: (await manage(operator, f"STREAM.INFO.{name}"))["state"]["messages"] for name in names}


@pytest.mark.parametrize("reply", REPLIES)
async def test_the_brokers_answer_to_a_producer_is_stored_nowhere(
    guarded: Guarded, producer: Connection, reply: str
) -> None:
    """The answer goes to whatever reply a publish names: in the producer's own account, where no stream listens."""
    before = await _counts(guarded.operator)
    producer.send(SendEmail.SUBJECT.encode(), MAIL, reply.encode())
    await producer.flush()
    receipt = await Publisher(producer).publish_body("email.send", MAIL)  # behind the first, so that it has arrived
    assert receipt.stream == "EMAIL"
    assert await _counts(guarded.operator) == {**before, "EMAIL": before["EMAIL"] + 2}


async def test_a_producer_reads_nothing_that_others_are_answered(guarded: Guarded, producer: Connection) -> None:
    """It waits on `_INBOX.>` as the `nats` command does, and hears of the operator's requests nothing."""
    heard: list[bytes] = []
    for subject in ("_INBOX.>", "_INBOX_producer.>"):
        await producer.listen(subject, lambda subject, _reply, _headers, body: heard.append(subject + b" " + body))
    await producer.flush()
    receipt = await Publisher(guarded.operator).publish_body("email.send", MAIL)
    request = {"seq": receipt.sequence}
    inbox = "_INBOX.operators"
    answered = asyncio.Event()
    await guarded.operator.listen(inbox, lambda *_: answered.set())
    guarded.operator.send(b"$JS.API.STREAM.MSG.GET.EMAIL", str(request).replace("'", '"').encode(), inbox.encode())
    await answered.wait()
    await producer.flush()
    assert heard == []


@pytest.mark.parametrize("job_type", sorted(load_catalogue().internal))
async def test_a_producer_publishes_no_internal_job(producer: Connection, job_type: str) -> None:
    """Cleaning up and syncing everybody are the product's own: the broker says no at once."""
    assert not await _may(producer, f"jobs.{job_type}")


async def test_a_producer_publishes_every_public_job(producer: Connection) -> None:
    """What is not internal is what it is there for."""
    for job_type in load_catalogue().public():
        assert await _may(producer, f"jobs.{job_type}"), job_type


async def _may(connection: Connection, subject: str) -> bool:
    try:
        await connection.ask(subject, MAIL)
    except NotPermittedError:
        return False
    return True
