"""The broker's disk limit: a clear refusal at once, nothing dropped, and what came due meanwhile runs afterwards."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nightshift.broker import Connection, QueueFullError, storage_probe
from nightshift.broker.jetstream import manage, store
from nightshift.broker.storage_probe import StorageProbe
from nightshift.contract import wire
from nightshift.embedded.servers.broker import Broker
from nightshift.housekeeping.loop import Timing
from nightshift.topology.console_stream import CONSOLE_OPTIONS
from nightshift.topology.topology import StreamLimits
from tests.harness import RunProbe, connected, count, eventually, with_housekeeping, working
from tests.integration.worker.probes import record

_MEBIBYTE = 1 << 20
SMALL = StreamLimits(
    queue_bytes=2 * _MEBIBYTE, dead_letter_bytes=_MEBIBYTE, event_bytes=_MEBIBYTE, audit_bytes=_MEBIBYTE
)
_FILL = b"x" * 500_000


@pytest.fixture
async def small_disk(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that may store 12 MB beside what the console keeps."""
    broker = Broker(tmp_path / "broker", max_file_store=12 * _MEBIBYTE + CONSOLE_OPTIONS["max_bytes"])
    await broker.start()
    yield broker
    await broker.kill()


@pytest.fixture
async def filling(small_disk: Broker) -> AsyncIterator[Connection]:
    """A connection of somebody else, who fills the broker's disk."""
    async with connected(small_disk, "filler") as connection:
        await manage(connection, "STREAM.CREATE.FILL", {"name": "FILL", "subjects": ["fill"], "storage": "file"})
        yield connection


WATCHFUL = Timing(sweep_seconds=0.5, overdue_after=timedelta(seconds=0.5))
"""Sweeps come every half second, and half a second late is overdue: that they come by themselves is the rule."""


async def _fill(connection: Connection) -> None:
    with contextlib.suppress(QueueFullError):
        for _ in range(100):
            await store(connection, "fill", {}, _FILL)
        pytest.fail("the disk limit was never reached")


async def test_a_full_disk_refuses_at_once_and_drops_nothing(
    small_disk: Broker, filling: Connection, tmp_path: Path
) -> None:
    """The publisher gets `QueueFullError` within a moment; what was accepted before is all there."""
    async with working(small_disk, None, tmp_path, {RunProbe: record}, stream_limits=SMALL, start=False) as harness:
        for number in range(20):
            await harness.publisher.publish(RunProbe(name=str(number)))
        await _fill(filling)
        started = time.monotonic()
        for attempt in (
            harness.publisher.publish(RunProbe(name="no")),
            harness.publisher.publish_later(RunProbe(name="no"), delay=timedelta(seconds=1)),
            harness.publisher.publish_many([RunProbe(name="no")] * 30),
        ):
            with pytest.raises(QueueFullError, match="nothing was stored"):
                await attempt
        assert time.monotonic() - started < 3
        assert await count(harness.connection, "PROBE") == 20
        assert await count(harness.connection, "PROBE_LATER") == 0


async def test_what_came_due_while_the_disk_was_full_runs_when_there_is_space(
    small_disk: Broker, filling: Connection, tmp_path: Path
) -> None:
    """Nobody was refused anything and the broker is not restarted: the sweep notices by itself."""
    async with (
        working(small_disk, None, tmp_path, {RunProbe: record}, stream_limits=SMALL, timing=WATCHFUL) as harness,
        with_housekeeping(harness),
    ):
        due = datetime.now(UTC) + timedelta(seconds=2)
        for number in range(3):
            await harness.publisher.publish_later(RunProbe(name=f"later {number}"), at=due)
        await _fill(filling)
        assert await harness.effects() == [], "they came due before the disk was full: this test shows nothing"
        await eventually(lambda: datetime.now(UTC) > due + timedelta(seconds=1), what="their time has passed")
        assert await count(harness.connection, "PROBE_LATER") == 3
        assert await harness.effects() == []
        await manage(filling, "STREAM.DELETE.FILL")
        await harness.empty()
        assert await harness.effects() == ["later 0", "later 1", "later 2"]


async def test_what_is_no_schedule_is_reported(small_disk: Broker, tmp_path: Path) -> None:
    """A message on `later.>` that would never become due is a dead letter that says why."""
    async with (
        working(small_disk, None, tmp_path, {RunProbe: record}, stream_limits=SMALL, timing=WATCHFUL) as harness,
        with_housekeeping(harness),
    ):
        await store(harness.connection, "later.probe.run.typed", {}, b'{"name":"a"}')
        (letter,) = await harness.dead_letters()
        assert letter.headers[wire.DEAD_REASON] == "invalid"
        assert "Nats-Schedule" in letter.headers[wire.DEAD_ERROR]
        await harness.empty()


async def test_a_worker_without_work_is_not_ready_while_nothing_is_stored(
    small_disk: Broker, filling: Connection, tmp_path: Path
) -> None:
    """It has published nothing itself; it says why, and is ready again when there is room. Nothing stays behind."""
    async with working(small_disk, None, tmp_path, {RunProbe: record}, stream_limits=SMALL) as harness:
        probe = StorageProbe(harness.connection, "probe")
        await _fill(filling)
        with pytest.raises(QueueFullError, match="insufficient"):
            await probe.check()
        await manage(filling, "STREAM.DELETE.FILL")
        await probe.check()
        assert await count(harness.connection, "PROBE_LATER") == 0


async def test_a_probe_that_was_cut_off_leaves_one_message_at_most(small_disk: Broker, tmp_path: Path) -> None:
    """The next one replaces it, and takes it back; several replicas may do so side by side."""
    async with working(small_disk, None, tmp_path, {RunProbe: record}, stream_limits=SMALL) as harness:
        left = {"Nats-Schedule": "@at 2200-01-01T00:00:00Z", "Nats-Schedule-Target": "due.probe.nightshift-probe"}
        await store(harness.connection, "later.probe.nightshift-probe.worker", left, b"")
        assert await count(harness.connection, "PROBE_LATER") == 1
        await asyncio.gather(*(StorageProbe(harness.connection, "probe").check() for _ in range(20)))
        assert await count(harness.connection, "PROBE_LATER") == 0


async def test_a_probe_that_is_left_behind_never_becomes_a_job(small_disk: Broker, tmp_path: Path) -> None:
    """The broker would take a time that is beyond its nanoseconds for one that is past."""
    async with working(small_disk, None, tmp_path, {RunProbe: record}, stream_limits=SMALL) as harness:

        async def keep(*_: object) -> dict[str, object]:
            """Stand for a worker that was killed before it took its probe back."""
            return {}

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(storage_probe, "manage", keep)
            await StorageProbe(harness.connection, "probe").check()
        await harness.publisher.publish_later(RunProbe(name="due after the probe was"), delay=timedelta(seconds=0.5))
        await harness.settled(1)

        async def only_the_probe_is_left() -> bool:
            left = [one.subject for one in await harness.stored("PROBE_LATER")]
            return left == ["later.probe.nightshift-probe.worker"]

        await eventually(only_the_probe_is_left, what="the job that came due is gone, and the probe is not")
