"""A bulk queue: what is done is removed many at once, whoever holds the floor, and nothing that is not done ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift.broker import QueueFullError
from nightshift.broker.jetstream import manage
from nightshift.embedded.servers.broker import Broker
from nightshift.housekeeping import trimming
from nightshift.housekeeping.trimming import Trimmer
from nightshift.messaging.job import Job
from nightshift.topology import bulk_queue
from nightshift.topology.bulk_queue import FloorNotTrustedError, QueueState
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits
from tests.harness import Harness, RunProbe, count, eventually, probe_topology, set_ack_wait, with_housekeeping, working
from tests.integration.worker.probes import record

CONSUMER = next(filter(bulk_queue.is_queue, probe_topology(bulk=True).consumers))


async def looked(harness: Harness) -> QueueState:
    """Return the state of the queue, which is a bulk queue."""
    state = await bulk_queue.look(harness.connection, CONSUMER)
    assert state is not None
    return state


async def fill(harness: Harness, jobs: int, *, begin: int = 0) -> None:
    """Publish so many jobs."""
    for start in range(begin, begin + jobs, 500):
        await harness.publisher.publish_many(
            [RunProbe(name=f"n{n}") for n in range(start, min(start + 500, begin + jobs))]
        )


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that the test may kill."""
    broker = Broker(tmp_path / "broker")
    await broker.start()
    yield broker
    await broker.kill()


async def test_what_is_done_leaves_the_queue_soon(broker: Broker, tmp_path: Path) -> None:
    """Every job has its effect once; the stream is empty a moment later."""
    async with (
        working(broker, None, tmp_path, {RunProbe: record}, bulk=True, slots=100) as harness,
        with_housekeeping(harness),
    ):
        await fill(harness, 2_000)
        await harness.settled(2_000)
        await harness.empty()
        effects = await harness.effects()
        assert len(effects) == len(set(effects)) == 2_000


async def test_what_is_not_done_stays_and_holds_what_is_done_behind_it(broker: Broker, tmp_path: Path) -> None:
    """The floor is below the oldest job that runs; what is above it goes when that has ended."""
    may_end = asyncio.Event()

    async def handler(message: RunProbe, job: Job) -> None:
        if message.name == "n5":
            await may_end.wait()
        await record(message, job)

    async with working(broker, None, tmp_path, {RunProbe: handler}, bulk=True) as harness:
        await fill(harness, 100)
        await harness.settled(99)
        await eventually(harness.parts.trimmer.trim, what="the first are removed")
        state = await looked(harness)
        assert (state.messages, state.done, state.in_flight, state.pending) == (95, 94, 1, 0)
        assert state.first == state.floor + 1
        may_end.set()
        await harness.settled(100)

        async def trimmed() -> bool:
            await harness.parts.trimmer.trim()
            return await count(harness.connection, "PROBE") == 0

        await eventually(trimmed, what="the rest is removed")


async def test_one_purge_covers_a_bounded_part(broker: Broker, tmp_path: Path) -> None:
    """Publishers wait for it."""
    async with working(broker, None, tmp_path, {RunProbe: record}, bulk=True, start=False) as harness:
        state = await looked(harness)
        far = QueueState(
            **{
                **{name: getattr(state, name) for name in state.__struct_fields__},
                "floor": state.first + 10**6,
                "last": state.first + 10**6,
            }
        )
        purge = bulk_queue.purge_of_done(far)
        assert purge is not None
        assert purge.seq == state.first + bulk_queue.STEP


async def test_a_held_floor_does_not_fill_the_queue(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker deletes what it has done itself; log and metric name the job; the queue takes on."""
    may_end = asyncio.Event()

    async def handler(message: RunProbe, job: Job) -> None:
        if message.name == "n0":
            await may_end.wait()
        await record(message, job)

    limits = StreamLimits(queue_bytes=1 << 20)
    async with (
        working(broker, None, tmp_path, {RunProbe: handler}, bulk=True, slots=100, stream_limits=limits) as harness,
        with_housekeeping(harness),
    ):
        for start in range(0, 7_000, 1_000):  # more than the queue can hold
            await fill(harness, 1_000, begin=start)
            await harness.settled(start + 999)
            await eventually(lambda: _has_room(harness), what="there is room again")
        state = await looked(harness)
        assert state.in_flight == 1
        assert 'queue_held_seconds{stream="PROBE"} 0.0' not in harness.context.metrics.exposition()[0].decode()
        assert any(
            "probe.run" in record.getMessage() and "is not done" in record.getMessage() for record in caplog.records
        )
        may_end.set()
        await harness.empty()
        assert len(await harness.effects()) == 7_000


async def test_a_queue_that_nobody_can_relieve_refuses_at_its_limit_not_before_and_recovers(
    broker: Broker, tmp_path: Path
) -> None:
    """The worker that knew what it had done is gone; nothing is lost, and it takes jobs when the holder has ended."""
    may_end = asyncio.Event()

    async def handler(message: RunProbe, job: Job) -> None:
        if message.name == "n0":
            await may_end.wait()
        await record(message, job)

    limits = StreamLimits(queue_bytes=1 << 18)
    async with working(broker, None, tmp_path, {RunProbe: handler}, bulk=True, stream_limits=limits) as harness:
        accepted = await _fill_up(harness)
        full = await looked(harness)
        assert full.bytes > 0.9 * full.max_bytes
        await harness.settled(accepted - 1)
        assert await bulk_queue.remove_done(harness.connection, await looked(harness)) is False
        may_end.set()
        await harness.settled(accepted)
        await eventually(lambda: _trimmed(harness), what="what is done is removed")
        await fill(harness, 50, begin=accepted)
        await eventually(lambda: _all_done(harness, accepted + 50), what="it takes jobs again")
        assert len(await harness.effects()) == accepted + 50


async def _fill_up(harness: Harness) -> int:
    """Publish until the broker refuses; return how many jobs it took."""
    accepted = 0
    while True:
        try:
            await fill(harness, 50, begin=accepted)
        except QueueFullError:
            return accepted
        accepted += 50


async def _has_room(harness: Harness) -> bool:
    state = await looked(harness)
    return state.bytes < 0.5 * state.max_bytes


async def test_a_worker_deletes_above_the_floor_only_what_it_has_acknowledged(broker: Broker, tmp_path: Path) -> None:
    """A second worker, which has done nothing, touches nothing."""
    limits = StreamLimits(queue_bytes=1 << 20)
    async with working(
        broker, None, tmp_path, {RunProbe: record}, bulk=True, start=False, stream_limits=limits
    ) as harness:
        await fill(harness, 2_000)
        taken = await manage(harness.connection, "CONSUMER.INFO.PROBE.probe")
        assert taken["num_pending"] == 2_000
        idle = Trimmer(CONSUMER, harness.connection, harness.context.metrics)
        assert not await idle.trim()
        assert await count(harness.connection, "PROBE") == 2_000


async def test_a_killed_broker_loses_nothing_and_the_rest_is_removed(own_broker: Broker, tmp_path: Path) -> None:
    """What was done may come again, and ends as a duplicate."""
    async with (
        working(own_broker, None, tmp_path, {RunProbe: record}, bulk=True, slots=50) as harness,
        with_housekeeping(harness),
    ):
        await set_ack_wait(harness.connection, 2)
        for begin in range(0, 3_000, 1_000):
            await fill(harness, 1_000, begin=begin)
            await own_broker.kill()
            await own_broker.start()
            await harness.connection.ready(20)
        await eventually(lambda: _all_done(harness, 3_000), what="everything is done")
        await harness.empty()
        assert len(await harness.effects()) == 3_000


async def _all_done(harness: Harness, jobs: int) -> bool:
    return len(await harness.effects()) >= jobs


async def test_a_foreign_consumer_stops_the_trimmer(broker: Broker, tmp_path: Path) -> None:
    """A second one has not seen everything; one that took the place of ours may have skipped some."""
    async with working(broker, None, tmp_path, {RunProbe: record}, bulk=True) as harness:
        second = {"durable_name": "other", "ack_policy": "explicit", "filter_subject": "jobs.probe.>"}
        await manage(
            harness.connection, "CONSUMER.CREATE.PROBE.other.jobs.probe.>", {"stream_name": "PROBE", "config": second}
        )
        await fill(harness, 10)
        await harness.settled(10)
        with pytest.raises(FloorNotTrustedError, match="2 consumers"):
            await harness.parts.trimmer.trim()
        await manage(harness.connection, "CONSUMER.DELETE.PROBE.other")
        await manage(harness.connection, "CONSUMER.DELETE.PROBE.probe")
        await manage(
            harness.connection,
            "CONSUMER.CREATE.PROBE.probe.jobs.probe.>",
            {"stream_name": "PROBE", "config": {**CONSUMER.config(), "deliver_policy": "new"}},
        )
        with pytest.raises(FloorNotTrustedError, match="not the one that provisioning made"):
            await harness.parts.trimmer.trim()
        assert await count(harness.connection, "PROBE") == 10
        (told,) = await provision_broker(harness.connection, probe_topology(bulk=True))
        assert told.startswith("consumer probe on PROBE made anew: ")
        await harness.settled(20)  # delivered once more, and duplicates all of them
        await eventually(lambda: _trimmed(harness), what="it is trusted again")
        assert len(await harness.effects()) == 10


async def _trimmed(harness: Harness) -> bool:
    await harness.parts.trimmer.trim()
    return await count(harness.connection, "PROBE") == 0


async def test_a_worker_that_ends_removes_what_it_has_done(broker: Broker, tmp_path: Path) -> None:
    """Nobody else may come for hours."""
    async with working(broker, None, tmp_path, {RunProbe: record}, bulk=True) as harness:
        await fill(harness, 50)
        await harness.settled(50)
        await harness.parts.worker.drain(1)
        await harness.parts.trimmer.finish()
        assert await count(harness.connection, "PROBE") == 0


async def test_a_trimmer_that_may_remove_nothing_remembers_a_bounded_number_of_jobs(
    broker: Broker, tmp_path: Path
) -> None:
    """For as long as a foreign consumer is there, and jobs are done all the time."""
    async with working(broker, None, tmp_path, {RunProbe: record}, bulk=True) as harness:
        foreign = {"durable_name": "other", "ack_policy": "explicit", "filter_subject": "jobs.probe.>"}
        await manage(
            harness.connection, "CONSUMER.CREATE.PROBE.other.jobs.probe.>", {"stream_name": "PROBE", "config": foreign}
        )
        await harness.parts.trimmer.finish()  # it knows the consumer now
        floor = (await looked(harness)).floor
        for number in range(trimming.REMEMBERED + 10_000):
            harness.parts.trimmer.acknowledged(floor + 1 + number)
        await harness.parts.trimmer.finish()
        assert harness.parts.trimmer.remembered == trimming.REMEMBERED
