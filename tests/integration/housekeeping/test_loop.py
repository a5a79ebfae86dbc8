"""What a service does beside its jobs: it sweeps at start, in turns and after a refusal, and relays old outbox rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nightshift.broker import QueueFullError
from nightshift.database import migrate, open_database
from nightshift.heartbeat import Heartbeat
from nightshift.housekeeping import loop as module
from nightshift.housekeeping.loop import Housekeeping
from nightshift.outcomes import Unavailable
from tests.harness import cancelled, eventually


class FakeOutbox:
    """Counts relays; each answers with the next of `results`, an exception is raised, then 0 for ever."""

    def __init__(self) -> None:
        self.results: list[int | Exception] = []
        self.relays = 0

    async def relay(self, _now: datetime) -> int:
        """As `Outbox.relay`."""
        self.relays += 1
        result = self.results.pop(0) if self.results else 0
        if isinstance(result, Exception):
            raise ExceptionGroup("the relay's", [result])
        return result


class Scene:
    """Chores with a real database, whose sweeps and relays are counted instead of done."""

    def __init__(self, chores: Housekeeping, outbox: FakeOutbox) -> None:
        self.chores, self.outbox = chores, outbox
        self.sweeps = 0
        self.errors: list[Exception] = []

    async def sweep(self, *_arguments: Any) -> tuple[int, int]:
        """Stands in for the sweep."""
        self.sweeps += 1
        if self.errors:
            raise self.errors.pop(0)
        return 0, 0


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Chores that do not run yet."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'nightshift.db'}"
    await migrate(url)
    database = open_database(url)
    nothing: Any = None
    outbox: Any = FakeOutbox()
    chores = Housekeeping("probe", (), connection=nothing, database=database, outbox=outbox, publisher=nothing)
    scene = Scene(chores, outbox)
    monkeypatch.setattr(module, "publish_overdue", scene.sweep)
    yield scene
    await database.close()


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[None]:
    """The chores at work."""
    tasks = [asyncio.create_task(loop(Heartbeat())) for loop in (scene.chores.relay, scene.chores.sweep)]
    try:
        yield
    finally:
        await cancelled(*tasks)


@pytest.fixture
def own_turns(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every turn is this replica's: the lease does not count."""

    async def always(_now: datetime) -> bool:
        return True

    monkeypatch.setattr(scene.chores, "_is_mine", always)


async def test_it_sweeps_at_start(scene: Scene) -> None:
    """What missed its time while nobody was there is found at once."""
    async with running(scene):
        await eventually(lambda: scene.sweeps == 1, what="the first sweep")


@pytest.mark.usefixtures("own_turns")
async def test_it_sweeps_again_after_a_while(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every twenty seconds, here faster."""
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.02)
    async with running(scene):
        await eventually(lambda: scene.sweeps >= 3, what="the third sweep")


@pytest.mark.usefixtures("own_turns")
async def test_a_refusal_of_the_broker_brings_the_next_sweep_forward(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk makes schedules miss their time: not when its time has come again, but when there may be room."""
    monkeypatch.setattr(module, "SWEEP_AFTER_REFUSAL_SECONDS", 0.02)
    async with running(scene):
        await eventually(lambda: scene.sweeps == 1, what="the first sweep")
        scene.chores.refused()
        await eventually(lambda: scene.sweeps == 2, what="the second sweep")


@pytest.mark.usefixtures("own_turns")
@pytest.mark.parametrize(
    "error", [Unavailable("broker", "away"), QueueFullError("dead.x", 10077, "full"), RuntimeError("bug")]
)
async def test_no_error_ends_the_sweeping(scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Expected or not, it is tried again; what is expected costs no traceback."""
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(module, "SWEEP_AFTER_REFUSAL_SECONDS", 0.02)
    scene.errors = [error]
    async with running(scene):
        await eventually(lambda: scene.sweeps >= 2, what="the second sweep")


async def test_of_many_replicas_one_sweeps_at_a_time(scene: Scene) -> None:
    """Whoever asks first takes the lease; when it has expired, after twenty seconds, it is anybody's again."""
    now = datetime(2030, 1, 1, 12, 0, 29, tzinfo=UTC)
    turns = [await scene.chores._is_mine(now + timedelta(seconds=seconds)) for seconds in (0, 0, 19.9, 20, 39.9, 41)]
    assert turns == [True, False, False, True, False, True]


@pytest.mark.parametrize(
    "error", [Unavailable("database", "away"), QueueFullError("jobs.x", 10077, "full"), RuntimeError("bug")]
)
async def test_no_error_ends_the_relay(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows wait for the next round; only what nobody expected is logged as an error."""
    monkeypatch.setattr(module, "RELAY_SECONDS", 0.02)
    scene.outbox.results = [error]
    async with running(scene):
        await eventually(lambda: scene.outbox.relays >= 2, what="the next round")
    assert ("it tries again" in caplog.text) == isinstance(error, RuntimeError)


@pytest.mark.usefixtures("own_turns")
@pytest.mark.parametrize("name", ["relay", "sweep"])
async def test_one_that_hangs_breaks_its_promise(scene: Scene, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A database that never answers: liveness names the loop. While it only waits for its time, it is well."""
    now, hanging = 0.0, asyncio.Event()
    heartbeat = Heartbeat(lambda: now)

    async def hang(*_arguments: Any) -> int:
        hanging.set()
        await asyncio.Event().wait()
        return 0

    loop = scene.chores.relay if name == "relay" else scene.chores.sweep
    working = asyncio.create_task(loop(heartbeat))
    await eventually(lambda: scene.outbox.relays or scene.sweeps, what="the first turn")
    now += 30
    assert heartbeat.silence() is None
    await cancelled(working)
    monkeypatch.setattr(scene.outbox, "relay", hang)
    monkeypatch.setattr(module, "publish_overdue", hang)
    working = asyncio.create_task(loop(heartbeat))
    await hanging.wait()
    now += 1_000
    assert heartbeat.silence() == 1_000
    await cancelled(working)
