"""What runs beside a worker: it sweeps at start, in turns and after a refusal, and relays old outbox rows."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nightshift.broker import QueueFullError
from nightshift.database import Database, migrate, open_database
from nightshift.database.tables import leases
from nightshift.heartbeat import Heartbeat
from nightshift.housekeeping.loop import Housekeeping, Timing, pause_after
from nightshift.outcomes import Unavailable
from tests.harness import cancelled, eventually

OFTEN = Timing(relay_seconds=0.02, sweep_seconds=0.02, after_refusal_seconds=0.02)


class Turns:
    """Counts turns instead of doing work. Each raises the next of `errors`, as long as there are any."""

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[Exception] = []

    async def __call__(self, _now: datetime) -> None:
        """Take a turn."""
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)


class FakeOutbox:
    """An outbox whose relay takes turns."""

    def __init__(self, turns: Callable[[datetime], Awaitable[None]]) -> None:
        self._turns = turns

    async def relay(self, now: datetime) -> int:
        """As `Outbox.relay`."""
        await self._turns(now)
        return 0


class Replica:
    """Housekeeping that counts its relays and sweeps."""

    def __init__(self, database: Database, timing: Timing) -> None:
        self.relays, self.sweeps = Turns(), Turns()
        outbox: Any = FakeOutbox(self.relays)
        self.housekeeping = Housekeeping("probe", database, outbox, self.sweeps, timing)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """The database that all replicas share."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'nightshift.db'}"
    await migrate(url)
    database = open_database(url)
    yield database
    await database.close()


@asynccontextmanager
async def running(database: Database, timing: Timing) -> AsyncIterator[Replica]:
    """A replica at work."""
    replica = Replica(database, timing)
    loops = (replica.housekeeping.relay, replica.housekeeping.sweep)
    tasks = [asyncio.create_task(loop(Heartbeat())) for loop in loops]
    try:
        yield replica
    finally:
        await cancelled(*tasks)


async def test_it_sweeps_and_relays_at_start(database: Database) -> None:
    """What missed its time while nobody was there is found at once."""
    async with running(database, Timing()) as replica:
        await eventually(lambda: replica.sweeps.count == 1, what="the first sweep")
        await eventually(lambda: replica.relays.count == 1, what="the first relay")


async def test_it_sweeps_and_relays_again_after_a_while(database: Database) -> None:
    """Every twenty seconds, here more often."""
    async with running(database, OFTEN) as replica:
        await eventually(lambda: replica.sweeps.count >= 3, what="the third sweep")
        await eventually(lambda: replica.relays.count >= 3, what="the third relay")


async def test_a_refusal_of_the_broker_brings_the_next_sweep_forward(database: Database) -> None:
    """A full disk makes schedules miss their time: not when its time has come again, but when there may be room."""
    async with running(database, Timing(after_refusal_seconds=0.02)) as replica:
        await eventually(lambda: replica.sweeps.count == 1, what="the first sweep")
        replica.housekeeping.refused()
        await eventually(lambda: replica.sweeps.count == 2, what="the second sweep")


@pytest.mark.parametrize(
    "error", [Unavailable("broker", "away"), QueueFullError("dead.x", 10077, "full"), RuntimeError("bug")]
)
async def test_no_error_ends_the_sweep(database: Database, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Expected or not, it is tried again; what is expected costs no traceback."""
    async with running(database, OFTEN) as replica:
        replica.sweeps.errors = [error]
        await eventually(lambda: replica.sweeps.count >= 2 and not replica.sweeps.errors, what="the next sweep")
    assert ("it tries again" in caplog.text) == isinstance(error, RuntimeError)


@pytest.mark.parametrize(
    "error", [Unavailable("database", "away"), QueueFullError("jobs.x", 10077, "full"), RuntimeError("bug")]
)
async def test_no_error_ends_the_relay(database: Database, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Rows wait for the next turn; only what nobody expected is logged as an error."""
    async with running(database, OFTEN) as replica:
        replica.relays.errors = [ExceptionGroup("the relay's", [error])]
        await eventually(lambda: replica.relays.count >= 2 and not replica.relays.errors, what="the next relay")
    assert ("it tries again" in caplog.text) == isinstance(error, RuntimeError)


async def test_of_many_replicas_one_sweeps_at_a_time(database: Database) -> None:
    """Whoever asks first takes the lease; when it has expired, after twenty seconds, it is anybody's again."""
    now = datetime(2030, 1, 1, 12, 0, 29, tzinfo=UTC)
    take = Replica(database, Timing()).housekeeping.take_turn
    turns = [await take(now + timedelta(seconds=seconds)) for seconds in (0, 0, 19.9, 20, 39.9, 41)]
    assert turns == [True, False, False, True, False, True]


async def test_replicas_share_one_lease(database: Database) -> None:
    """It is one row however often it changes hands, and together they sweep no more often than one."""
    timing = Timing(sweep_seconds=0.25)
    async with running(database, timing) as first, running(database, timing) as other:
        started = time.monotonic()
        await eventually(lambda: first.sweeps.count + other.sweeps.count >= 6, what="six sweeps")
        assert first.sweeps.count + other.sweeps.count <= (time.monotonic() - started) / 0.25 + 2
    async with database.read() as connection:
        rows = await connection.execute(select(leases.c.service, leases.c.task))
        assert [tuple(row) for row in rows] == [("probe", "sweep")]


@pytest.mark.parametrize(("took", "pause"), [(0.1, 5), (0.4, 20), (3, 150), (600, 3600)])
def test_a_sweep_takes_a_fiftieth_of_the_time_at_most(took: float, pause: float) -> None:
    """Where it takes long it runs less often, hourly at least."""
    assert pause_after(took) == pytest.approx(pause)


@pytest.mark.parametrize("name", ["relay", "sweep"])
async def test_one_that_hangs_breaks_its_promise(database: Database, name: str) -> None:
    """A database that never answers: liveness names the loop. While it only waits for its time, it is well."""
    now, hanging = 0.0, asyncio.Event()
    heartbeat = Heartbeat(lambda: now)

    async def hang(_now: datetime) -> None:
        hanging.set()
        await asyncio.Event().wait()

    idle = Replica(database, Timing())
    working = asyncio.create_task(getattr(idle.housekeeping, name)(heartbeat))
    await eventually(lambda: idle.relays.count or idle.sweeps.count, what="the first turn")
    now += 30
    assert heartbeat.silence() is None
    await cancelled(working)

    outbox: Any = FakeOutbox(hang)
    stuck = Housekeeping("other", database, outbox, hang)
    working = asyncio.create_task(getattr(stuck, name)(heartbeat))
    await hanging.wait()
    now += 1_000
    assert heartbeat.silence() == 1_000
    await cancelled(working)
