"""Waiting for a broker that is away: without end, without haste, and not when it is time to stop."""

import asyncio
import contextlib
from collections.abc import Sequence

from nightshift.backoff import RetryPolicy
from nightshift.outcomes import Unavailable
from nightshift.scheduler.state.cron_stream import EventStream, LastEvent
from nightshift.scheduler.state.event_log import EventLog

LONGEST_BACKOFF_SECONDS = 5.0
_LOOK_FOR_BROKER_SECONDS = 0.25


async def until_up(stream: EventStream, stop: asyncio.Event) -> bool:
    """Waits for the broker; False when it is time to stop instead."""
    while not stop.is_set():
        if stream.is_up:
            return True
        await _pause(_LOOK_FOR_BROKER_SECONDS, stop)
    return False


async def read_memories(
    stream: EventStream, names: Sequence[str], stop: asyncio.Event, reports: EventLog
) -> dict[str, LastEvent] | None:
    """Returns the newest event of each schedule, however long that takes; None when it is time to stop instead."""
    failures = 0
    while await until_up(stream, stop):
        try:
            return await stream.memories(names)
        except Unavailable as away:
            failures += 1
            reports.memory_unreadable(away)
            wait = RetryPolicy(ceiling_seconds=LONGEST_BACKOFF_SECONDS).delay(failures)
            await _pause(wait.total_seconds(), stop)
    return None


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Waits in real time, whatever the wall clock does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
