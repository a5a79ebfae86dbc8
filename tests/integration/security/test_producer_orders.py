"""A producer's user can send any header: none of them deletes, replaces, delays or reads what others have sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from contracts.email import SendEmail
from nightshift.broker import BrokerRefusedError, Connection, NotPermittedError, connect
from nightshift.broker.jetstream import manage, store
from nightshift.messaging.outbound import encode
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable
from tests.harness import Stored, stored
from tests.integration.security.conftest import Guarded
from tests.integration.security.producer_cases import FORBIDDEN, ORDERS, OTHERS

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
SUBJECT = SendEmail.SUBJECT


@pytest.fixture
async def producer(guarded: Guarded) -> AsyncIterator[Connection]:
    """A producer's connection."""
    connection = await connect(guarded.settings("producer"), name="producer")
    yield connection
    await connection.close()


@pytest.fixture
async def others(guarded: Guarded) -> AsyncIterator[list[Stored]]:
    """Jobs of other producers: one of them with an id that can be guessed, and one that waits."""
    publisher = Publisher(guarded.operator)
    await publisher.publish(MAIL, job_id=OTHERS)
    for number in range(3):
        await publisher.publish(MAIL, job_id=f"job-{number}")
    await publisher.publish_later(MAIL, delay=timedelta(days=1), job_id=OTHERS)
    yield await _all(guarded.operator)
    for stream in ("EMAIL", "EMAIL_LATER", "EMAIL_DLQ"):
        await manage(guarded.operator, f"STREAM.PURGE.{stream}")


async def _all(connection: Connection) -> list[Stored]:
    return [one for stream in ("EMAIL", "EMAIL_LATER", "EMAIL_DLQ") for one in await stored(connection, stream)]


@pytest.mark.parametrize("orders", ORDERS, ids=lambda orders: " ".join(f"{n}={v}" for n, v in orders.items())[:90])
async def test_no_header_touches_what_others_sent(
    guarded: Guarded, producer: Connection, others: list[Stored], orders: dict[str, str]
) -> None:
    """The broker takes the job or refuses it; of the others none is gone, changed, doubled or moved."""
    headers = {"Job-Id": "hostile", **orders}
    for subject in (SUBJECT, "jobs.email.other"):
        with contextlib.suppress(BrokerRefusedError, Unavailable):  # to some it does not answer, which is no acceptance
            await store(producer, subject, headers, encode(MAIL), timeout_seconds=0.5)
    now = await _all(guarded.operator)
    assert [one for one in now if one in others] == others
    assert all(one.subject.startswith("jobs.email.") for one in now if one not in others), "more than it may publish"


@pytest.mark.parametrize("subject", FORBIDDEN)
async def test_a_producer_may_publish_jobs_and_nothing_else(producer: Connection, subject: str) -> None:
    """The broker says so, and the client tells who waits for the answer."""
    with pytest.raises(NotPermittedError, match="no permission"):
        await producer.ask(subject, b"{}")


async def test_an_id_that_is_taken_stays_with_its_first_job(
    producer: Connection, guarded: Guarded, others: list[Stored]
) -> None:
    """Who guesses another's id is the duplicate; who comes first with it, whoever that is, has it."""
    receipt = await Publisher(producer).publish(MAIL, job_id=OTHERS)
    assert receipt.duplicate
    assert await _all(guarded.operator) == others


async def test_batches_that_are_left_open_cost_others_no_job(
    producer: Connection, guarded: Guarded, others: list[Stored]
) -> None:
    """The broker allows so many open batches per stream, and forgets them soon: others' batches wait that long."""
    for number in range(300):
        order = {"Nats-Batch-Id": f"open-{number}", "Nats-Batch-Sequence": "1"}
        producer.send(SUBJECT.encode(), encode(MAIL), b"", _block(order))
    await producer.flush()
    publisher = Publisher(guarded.operator, timeout_seconds=60)
    await publisher.publish_many([MAIL] * 40)
    await asyncio.gather(*(publisher.publish(MAIL) for _ in range(60)))
    now = await _all(guarded.operator)
    assert [one for one in now if one in others] == others
    assert len(now) == len(others) + 100


def _block(headers: dict[str, str]) -> bytes:
    return b"NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
