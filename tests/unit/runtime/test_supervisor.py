"""Supervision of background tasks: none ends or stalls unnoticed."""

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from nightshift.heartbeat import Heartbeat
from nightshift.observability import log
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.supervisor import BackgroundLoop, Supervisor
from tests.harness import eventually


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return the lines that were logged during the test."""
    stream = io.StringIO()
    log.configure("test", "json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    log.configure("test", "json")


async def end(_: Heartbeat) -> None:
    """End, as no loop should."""


async def fail(_: Heartbeat) -> None:
    """Fail, by a defect."""
    raise RuntimeError("a defect")


async def get_cancelled(_: Heartbeat) -> None:
    """Be cancelled by somebody else."""
    raise asyncio.CancelledError


async def wait(_: Heartbeat) -> None:
    """Go on until cancelled."""
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("loop", "error"), [(end, None), (fail, "RuntimeError: a defect"), (get_cancelled, "Cancelled")]
)
async def test_a_loop_that_ends_stops_the_process(
    lines: Callable[[], list[dict[str, Any]]], loop: BackgroundLoop, error: str | None
) -> None:
    """With an error in the log that names it, and exit code 1; however it ended."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(stop, Checks(), stack)
        assert supervisor.exit_code == 0
        supervisor.start("sweep", loop)
        await asyncio.wait_for(stop.wait(), 5)
    assert supervisor.exit_code == 1
    (line,) = lines()
    assert (line["level"], line["event"]) == ("error", "background_failed")
    assert "'sweep' has ended" in line["message"]
    assert error is None or error in line["traceback"]


async def test_a_loop_is_cancelled_with_the_stack() -> None:
    """That is no failure; what it promised is forgotten."""
    stop, checks = asyncio.Event(), Checks()

    async def promise(heartbeat: Heartbeat) -> None:
        heartbeat.beat(-1)
        await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        Supervisor(stop, checks, stack).start("sweep", promise)
        await eventually(checks.liveness, what="a promise that is broken at once")
    await asyncio.sleep(0)
    assert not stop.is_set()
    assert checks.liveness() == []


async def test_a_loop_may_end_when_the_process_is_stopping() -> None:
    """As one that finishes what it has in flight."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(stop, Checks(), stack)
        stop.set()
        await supervisor.start("announcer", end)
        await asyncio.sleep(0)
        assert supervisor.exit_code == 0


async def test_a_loop_that_swallows_its_cancellation_is_left_behind() -> None:
    """The process ends all the same: `run_until_stopped` deals with what is left."""
    finish = asyncio.Event()

    async def swallow(_: Heartbeat) -> None:
        while not finish.is_set():
            with suppress(asyncio.CancelledError):
                await finish.wait()

    async with asyncio.timeout(10):
        async with AsyncExitStack() as stack:
            Supervisor(asyncio.Event(), Checks(), stack).start("stubborn", swallow)
            await asyncio.sleep(0)
    finish.set()


async def test_a_task_may_end_or_be_cancelled_but_not_raise() -> None:
    """As a probe, which ends when what it waited for is there."""
    stop = asyncio.Event()
    supervisor = Supervisor(stop, Checks(), AsyncExitStack())
    await supervisor.spawn(end(Heartbeat()), "probe")
    task = supervisor.spawn(wait(Heartbeat()), "probe")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    assert not stop.is_set()
    supervisor.spawn(fail(Heartbeat()), "probe")
    await asyncio.wait_for(stop.wait(), 5)
    assert supervisor.exit_code == 1
