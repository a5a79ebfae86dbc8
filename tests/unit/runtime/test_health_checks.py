"""Health as the process itself sees it: heartbeat, liveness, readiness."""

import asyncio

import pytest

from nightshift.runtime.health_checks import Checks


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Returns the time in seconds."""
        return self.now


async def fine() -> None:
    """Finds nothing wrong."""


def test_a_loop_that_stands_still_is_reported() -> None:
    """Without a beat for the agreed time the process is not alive; the next beat heals it."""
    clock = Clock()
    checks = Checks(stalled_after_seconds=10, clock=clock)
    clock.now += 10
    assert checks.liveness() == []
    clock.now += 1
    assert checks.liveness() == ["event loop: has not turned for 11 s"]
    assert checks.readiness() == ["process: is starting", "event loop: has not turned for 11 s"]
    checks.beat()
    assert checks.liveness() == []


def test_a_liveness_check_gives_its_reason() -> None:
    """A registered check speaks under its name; one that raises is a reason itself, without secrets."""
    checks = Checks()
    reasons: list[str | None] = [None]
    checks.live("pull", lambda: reasons[0])
    assert checks.liveness() == []
    reasons[0] = "silent for\n60 s"
    assert checks.liveness() == ["pull: silent for 60 s"]
    reasons.clear()
    assert checks.liveness() == ["pull: the check itself failed: IndexError: list index out of range"]


async def test_a_process_is_not_ready_before_it_was_checked() -> None:
    """No traffic for a process that has not yet seen its broker, nor for one that has not got so far as to look."""
    checks = Checks()
    assert checks.readiness() == ["process: is starting"]
    checks.ready("broker", fine)
    assert checks.readiness() == ["broker: not checked yet"]
    assert checks.liveness() == []
    await checks.probe()
    assert checks.readiness() == []


async def test_readiness_follows_what_the_checks_find() -> None:
    """What is away is named until it is back; one check's failure does not hide another's."""
    checks = Checks(timeout_seconds=0.01)
    away = True

    async def database() -> None:
        if away:
            raise OSError("cannot reach postgresql://u:pw@db")

    async def objects() -> None:
        if away:
            await asyncio.Event().wait()

    checks.ready("database", database)
    checks.ready("objects", objects)
    checks.ready("broker", fine)
    await checks.probe()
    assert checks.readiness() == [
        "database: cannot reach postgresql://***@db",
        "objects: no answer within 0.01 s",
    ]
    assert checks.liveness() == []
    away = False
    await checks.probe()
    assert checks.readiness() == []


def test_a_draining_process_is_alive_but_not_ready() -> None:
    """It gets nothing new and is not killed."""
    checks = Checks()
    checks.drain()
    assert checks.readiness() == ["process: is stopping"]
    assert checks.liveness() == []


async def test_running_keeps_heartbeat_and_readiness_fresh() -> None:
    """One task does both, a slow check does not stop the heart, and it ends when it is cancelled."""
    clock = Clock()
    checks = Checks(stalled_after_seconds=0.004, interval_seconds=0.001, clock=clock)
    probed = asyncio.Event()

    async def slow() -> None:
        probed.set()
        await asyncio.Event().wait()

    checks.ready("slow", slow)
    task = asyncio.create_task(checks.run())
    async with asyncio.timeout(5):
        await probed.wait()
        clock.now += 60
        while checks.liveness():  # noqa: ASYNC110 - a heartbeat gives no signal
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_new_check_is_run_at_once() -> None:
    """A process that has just finished starting need not wait for the next round to be ready."""
    checks = Checks(interval_seconds=3_600)
    task = asyncio.create_task(checks.run())
    await asyncio.sleep(0)
    probed = asyncio.Event()

    async def broker() -> None:
        probed.set()

    checks.ready("broker", broker)
    async with asyncio.timeout(5):
        await probed.wait()
        while checks.readiness():  # noqa: ASYNC110 - the result gives no signal
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
