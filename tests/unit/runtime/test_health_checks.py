"""Health as the process itself sees it: heartbeats, liveness, readiness."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nightshift.runtime.health_checks import Checks
from tests.harness import cancelled, eventually


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@asynccontextmanager
async def running(checks: Checks) -> AsyncIterator[None]:
    """The checks, kept fresh."""
    task = asyncio.create_task(checks.run())
    try:
        yield
    finally:
        await cancelled(task)


async def fine() -> None:
    """Find nothing wrong."""


def test_a_loop_that_stands_still_is_reported() -> None:
    """Without a beat of the event loop for the agreed time the process is neither alive nor ready."""
    clock = Clock()
    checks = Checks(stalled_after_seconds=10, clock=clock)
    clock.now += 10
    assert checks.liveness() == []
    clock.now += 1
    assert checks.liveness() == ["event loop: no sign of life for 11 s"]
    assert checks.readiness() == ["process: is starting", "event loop: no sign of life for 11 s"]


def test_a_heartbeat_that_breaks_its_promise_is_reported_by_its_name() -> None:
    """A loop that promised nothing waits for work; the next beat heals it."""
    clock = Clock()
    checks = Checks(stalled_after_seconds=1_000, clock=clock)
    heartbeat = checks.heartbeat("sweep")
    clock.now += 100
    assert checks.liveness() == []
    heartbeat.beat(20)
    clock.now += 21
    assert checks.liveness() == ["sweep: no sign of life for 21 s"]
    heartbeat.beat(20)
    assert checks.liveness() == []


async def test_a_process_is_not_ready_before_it_was_checked() -> None:
    """No traffic for a process that has not yet seen its broker, nor for one that has not got so far as to look."""
    checks = Checks()
    assert checks.readiness() == ["process: is starting"]
    checks.ready("broker", fine)
    assert checks.readiness() == ["broker: not checked yet"]
    assert checks.liveness() == []
    async with running(checks):
        await eventually(lambda: not checks.readiness(), what="it is ready")


async def test_readiness_follows_what_the_checks_find() -> None:
    """What is unavailable is named until it is back; one check's failure does not hide another's."""
    checks = Checks(timeout_seconds=0.01, interval_seconds=0.01)
    away = True

    async def database() -> None:
        if away:
            raise OSError("cannot reach\npostgresql://u:pw@db")

    async def objects() -> None:
        if away:
            await asyncio.Event().wait()

    checks.ready("database", database)
    checks.ready("objects", objects)
    checks.ready("broker", fine)
    found = ["database: cannot reach postgresql://***@db", "objects: no answer within 0.01 s"]
    async with running(checks):
        await eventually(lambda: checks.readiness() == found, what=f"{checks.readiness()}")
        assert checks.liveness() == []
        away = False
        await eventually(lambda: not checks.readiness(), what="it is ready again")


async def test_a_slow_check_holds_up_no_other() -> None:
    """Each runs on a clock of its own."""
    checks = Checks(timeout_seconds=3_600, interval_seconds=0.001)
    rounds, slow = 0, asyncio.Event()

    async def quick() -> None:
        nonlocal rounds
        rounds += 1

    async def wait() -> None:
        await slow.wait()

    checks.ready("slow", wait)
    checks.ready("quick", quick)
    async with running(checks):
        await eventually(lambda: rounds > 3, what="the quick one runs again and again")
        assert checks.readiness() == ["slow: not checked yet"]
        slow.set()
        await eventually(lambda: not checks.readiness(), what="it is ready")


async def test_a_check_that_cannot_even_be_cancelled_is_found_by_liveness() -> None:
    """Its last result would stand for ever."""
    clock = Clock()
    checks = Checks(stalled_after_seconds=1_000, timeout_seconds=0.001, interval_seconds=0.001, clock=clock)
    cancelled_at_least_once, end = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                cancelled_at_least_once.set()

    checks.ready("database", hang)
    async with running(checks):
        try:
            await asyncio.wait_for(cancelled_at_least_once.wait(), 5)
            clock.now += 1_001
            assert "readiness check of database: no sign of life for 1001 s" in checks.liveness()
        finally:
            end.set()
        await eventually(lambda: not checks.readiness(), what="the check ends")


async def test_a_check_that_cannot_be_cancelled_is_not_ready_when_its_time_is_over() -> None:
    """It was ready before, and holds up neither that verdict nor any other check."""
    checks = Checks(timeout_seconds=0.05, interval_seconds=0.01)
    blocked, others = threading.Event(), 0

    async def database() -> None:
        task = asyncio.create_task(asyncio.to_thread(blocked.wait, 30))
        while not task.done():  # as the driver does that has to close its connection first
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(task)

    async def broker() -> None:
        nonlocal others
        others += 1

    blocked.set()
    checks.ready("database", database)
    checks.ready("broker", broker)
    async with running(checks):
        await eventually(lambda: not checks.readiness(), what="both answer")
        blocked.clear()
        try:
            await eventually(lambda: checks.readiness() == ["database: no answer within 0.05 s"], what="it is told")
            before = others
            await eventually(lambda: others > before + 3, what="the other one goes on")
        finally:
            blocked.set()
        await eventually(lambda: not checks.readiness(), what="it is ready again")


async def test_what_holds_up_the_event_loop_is_known_at_once_and_forgotten_again() -> None:
    """Also by whoever asks before the loop has come to its next beat."""
    checks = Checks(stalled_after_seconds=0.004)
    async with running(checks):
        await eventually(lambda: 0 < checks.lag() < 0.1, what="it beats")
        time.sleep(0.2)  # noqa: ASYNC251 - as a handler does that must not
        assert 0.15 < checks.lag() < 5
        await eventually(lambda: checks.lag() < 0.15, what="it is forgotten")


def test_a_draining_process_is_alive_but_not_ready() -> None:
    """It gets nothing new and is not killed."""
    checks = Checks()
    checks.drain()
    assert checks.readiness() == ["process: is stopping"]
    assert checks.liveness() == []


async def test_running_keeps_the_heartbeat_fresh() -> None:
    """A slow check does not stop the heart."""
    clock = Clock()
    checks = Checks(stalled_after_seconds=0.004, clock=clock)
    checks.ready("slow", asyncio.Event().wait)  # type: ignore[arg-type]  # what it returns does not matter
    async with running(checks):
        clock.now += 60
        await eventually(
            lambda: not any(reason.startswith("event loop") for reason in checks.liveness()), what="it beats again"
        )


async def test_a_new_check_is_run_at_once() -> None:
    """A process that has just finished starting need not wait for the next round to be ready."""
    checks = Checks(interval_seconds=3_600)
    async with running(checks):
        await asyncio.sleep(0)
        checks.ready("broker", fine)
        await eventually(lambda: not checks.readiness(), what="it is ready")
