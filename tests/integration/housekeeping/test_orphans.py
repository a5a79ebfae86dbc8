"""Acknowledged jobs that the broker has again after its restart: they leave the queue, and nothing happens twice."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from nightshift.database.tables import processed_messages
from nightshift.embedded.servers.broker import Broker
from nightshift.housekeeping.loop import Timing
from nightshift.housekeeping.orphans import OrphanRescuer
from nightshift.messaging.job import Job
from nightshift.outcomes import Snooze
from schema.tables import activity_logs
from tests.harness import Harness, RunProbe, count, eventually, probe_topology, with_housekeeping, working
from tests.integration.worker.probes import record

HOUR = timedelta(hours=1)


async def put_off(_message: RunProbe, _job: Job) -> None:
    """Not now."""
    raise Snooze(HOUR)


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker whose disk the test lays hands on."""
    broker = Broker(tmp_path / "broker")
    await broker.start()
    yield broker
    await broker.kill()


@asynccontextmanager
async def forgotten(broker: Broker, harness: Harness, stream: str) -> AsyncIterator[None]:
    """What leaves the stream inside is there again afterwards, though its consumer knows that it was acknowledged."""
    messages = broker.folder / "jetstream" / "jetstream" / "$G" / "streams" / stream / "msgs"
    aside = broker.folder / "aside"
    await broker.stop()
    shutil.copytree(messages, aside)
    await broker.start()
    await harness.connection.ready(20)
    yield
    await broker.stop()
    shutil.rmtree(messages)
    aside.rename(messages)
    await broker.start()
    await harness.connection.ready(20)


def rescuer_of(harness: Harness) -> OrphanRescuer:
    """Those of the service `probe`."""
    consumers = probe_topology().consumers_of("probe")
    return OrphanRescuer("probe", consumers, connection=harness.connection, publisher=harness.publisher)


async def rescued(harness: Harness) -> tuple[int, int]:
    """How many were republished at the first look, and at the second."""
    rescuer, now = rescuer_of(harness), datetime.now(UTC)
    return await rescuer.rescue(now), await rescuer.rescue(now)


@pytest.mark.parametrize("stream", ["PROBE", "PROBE_LATER"])
async def test_what_is_done_leaves_the_queue_and_is_not_done_twice(
    own_broker: Broker, tmp_path: Path, stream: str
) -> None:
    """Seen once it may be an acknowledgement on its way; seen twice it ends as a duplicate."""
    async with working(own_broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        for name in ("a", "b", "c"):
            if stream == "PROBE":
                await harness.publisher.publish(RunProbe(name=name))
            else:
                await harness.publisher.publish_later(RunProbe(name=name), delay=timedelta(0))
        await eventually(lambda: _queued(harness, stream, 3), what="all of them are due")
        async with forgotten(own_broker, harness, stream):
            await harness.parts.worker.start(harness.parts.pulls)
            await harness.empty()
        assert await count(harness.connection, stream) == 3
        assert await rescued(harness) == (0, 3)
        await harness.empty()
        assert await harness.effects() == ["a", "b", "c"]
        assert harness.outcomes() == {"done": 3, "duplicate": 3}


async def _queued(harness: Harness, stream: str, wanted: int) -> bool:
    subject = "due.>" if stream == "PROBE_LATER" else "jobs.>"
    return len(await harness.stored(stream, subject)) == wanted


async def test_what_nobody_did_is_done(own_broker: Broker, tmp_path: Path) -> None:
    """Should the broker have taken for acknowledged what was not, the job is not lost."""
    async with working(own_broker, None, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        async with forgotten(own_broker, harness, "PROBE"):
            await harness.parts.worker.start(harness.parts.pulls)
            await harness.empty()
        async with harness.database.write() as connection:  # as if it had never run
            await connection.execute(delete(processed_messages))
            await connection.execute(delete(activity_logs))
        assert await rescued(harness) == (0, 1)
        await harness.empty()
        assert await harness.effects() == ["a"]


async def test_a_job_that_waits_keeps_its_time(own_broker: Broker, tmp_path: Path) -> None:
    """Its copy for later is the job; what is left of its first delivery goes, whoever made it wait."""
    async with working(own_broker, None, tmp_path, {RunProbe: put_off}, start=False) as harness:
        for name in ("snoozed", "set again"):
            await harness.publisher.publish(RunProbe(name=name), job_id=name)
        async with forgotten(own_broker, harness, "PROBE"):
            await harness.parts.worker.start(harness.parts.pulls)
            await eventually(lambda: _waiting(harness, 2), what="both wait")
            await harness.publisher.publish_later(RunProbe(name="set again"), delay=2 * HOUR, job_id="set again")
        before = await harness.stored("PROBE_LATER")
        assert await rescued(harness) == (0, 2)
        assert await count(harness.connection, "PROBE") == 0
        assert await harness.stored("PROBE_LATER") == before


async def _waiting(harness: Harness, wanted: int) -> bool:
    return (await count(harness.connection, "PROBE"), await count(harness.connection, "PROBE_LATER")) == (0, wanted)


async def test_what_is_queued_or_in_hand_is_left_alone(own_broker: Broker, tmp_path: Path) -> None:
    """However often one looks: only what was acknowledged can be left over."""
    go_on = asyncio.Event()

    async def wait(message: RunProbe, job: Job) -> None:
        if message.name != "first":
            await go_on.wait()
        await record(message, job)

    async with working(own_broker, None, tmp_path, {RunProbe: wait}, slots=1) as harness:
        for name in ("first", "second", "third"):
            await harness.publisher.publish(RunProbe(name=name))
        await eventually(lambda: _queued(harness, "PROBE", 2), what="the first is done")
        assert await rescued(harness) == (0, 0)
        go_on.set()
        await harness.empty()
        assert harness.outcomes() == {"done": 3}


async def test_a_worker_looks_by_itself(own_broker: Broker, tmp_path: Path) -> None:
    """Beside its jobs, with the sweep of what waits."""
    timing = Timing(sweep_seconds=0.5)
    async with working(own_broker, None, tmp_path, {RunProbe: record}, start=False, timing=timing) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        async with forgotten(own_broker, harness, "PROBE"):
            await harness.parts.worker.start(harness.parts.pulls)
            await harness.empty()
        async with with_housekeeping(harness):
            await harness.empty()
        assert await harness.effects() == ["a"]
