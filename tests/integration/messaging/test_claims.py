"""Claim check: a long body goes to the object store, its message says where, and the worker reads it from there."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.contract.wire import MAX_INLINE_BYTES
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.messaging.job import Job
from nightshift.messaging.outbound import JobTooLargeError
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import S3ObjectStore
from nightshift.outcomes import Unavailable
from nightshift.testing import FakeObjectStore
from tests.harness import RunProbe, opened_objects, stored, working


@pytest.fixture(scope="module")
async def objects(objects_server: ObjectServer) -> AsyncIterator[S3ObjectStore]:
    """The real object store."""
    async with opened_objects(objects_server) as opened:
        yield opened


def _message(body_bytes: int) -> RunProbe:
    """A message whose JSON body has so many bytes."""
    return RunProbe(name="x" * (body_bytes - len(msgspec.json.encode(RunProbe(name="")))))


async def test_a_body_at_the_limit_travels_and_one_byte_more_is_claimed(
    connection: Connection, objects: S3ObjectStore
) -> None:
    """128 KB is the limit of what a message carries; beyond it is empty and names the object."""
    publisher = Publisher(connection, objects)
    await publisher.publish(_message(MAX_INLINE_BYTES), job_id="inline")
    await publisher.publish(_message(MAX_INLINE_BYTES + 1), job_id="claimed")
    inline, claimed = await stored(connection, "PROBE")
    assert (len(inline.body), "Job-Claim" in inline.headers) == (MAX_INLINE_BYTES, False)
    assert (claimed.body, "Job-Claim" in claimed.headers) == (b"", True)
    body = await objects.read(claimed.headers["Job-Claim"], limit=1 << 20)
    assert msgspec.json.decode(body, type=RunProbe) == _message(MAX_INLINE_BYTES + 1)


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(days=200)])
async def test_a_claim_lives_for_45_days_from_its_run(
    connection: Connection, objects: S3ObjectStore, delay: timedelta
) -> None:
    """`claims/<run time + 45 days>/<sha256>`: by then neither the job nor its dead letter can ask for it."""
    message = _message(MAX_INLINE_BYTES + 1)
    before = datetime.now(UTC)
    await Publisher(connection, objects).publish_later(message, delay=delay)
    (waiting,) = await stored(connection, "PROBE_LATER")
    _, date, digest = waiting.headers["Job-Claim"].split("/")
    assert digest == hashlib.sha256(msgspec.json.encode(message)).hexdigest()
    possible = {(moment + delay + timedelta(days=45)).date().isoformat() for moment in (before, datetime.now(UTC))}
    assert date in possible


async def test_a_claim_of_the_farthest_future_has_a_date(connection: Connection, objects: S3ObjectStore) -> None:
    """No instant is too late for the calendar: it is the last that the broker can count."""
    at = datetime.max.replace(tzinfo=UTC)
    await Publisher(connection, objects).publish_later(_message(MAX_INLINE_BYTES + 1), at=at)
    (waiting,) = await stored(connection, "PROBE_LATER")
    assert waiting.headers["Job-Claim"].startswith("claims/2262-02-14/")


async def test_a_batch_may_hold_claims(connection: Connection, objects: S3ObjectStore) -> None:
    """Long and short bodies travel together; the same body is one object."""
    long = _message(MAX_INLINE_BYTES + 1)
    await Publisher(connection, objects).publish_many([RunProbe(name="short"), long, long])
    claims = [message.headers.get("Job-Claim") for message in await stored(connection, "PROBE")]
    assert claims[0] is None
    assert claims[1] == claims[2] is not None


async def test_without_an_object_store_a_long_body_is_refused_with_advice(
    publisher: Publisher, connection: Connection
) -> None:
    """The error says how long it is and what to do."""
    with pytest.raises(
        JobTooLargeError, match=r"the body has 131073 bytes; over 131072 it needs an object store .*instead"
    ):
        await publisher.publish(_message(MAX_INLINE_BYTES + 1))
    assert await stored(connection, "PROBE") == []


async def test_while_the_object_store_is_away_nothing_is_published(connection: Connection) -> None:
    """A job whose body is nowhere must not exist."""
    objects = FakeObjectStore()
    objects.unavailable = "on holiday"
    with pytest.raises(Unavailable, match="objects"):
        await Publisher(connection, objects).publish(_message(MAX_INLINE_BYTES + 1))
    assert await stored(connection, "PROBE") == []


async def test_the_worker_decodes_the_claimed_body(
    broker: Broker, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """The handler gets the message and never learns how it travelled."""
    ran: list[RunProbe] = []
    message = _message(3_000_000)

    async def run_probe(message: RunProbe, job: Job) -> None:  # noqa: ARG001 - a handler's signature
        ran.append(message)

    async with working(broker, objects_server, tmp_path, {RunProbe: run_probe}) as harness:
        await harness.publisher.publish(message)
        await harness.empty()
    assert ran == [message]
