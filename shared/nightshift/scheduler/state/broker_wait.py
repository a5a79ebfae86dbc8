"""Waiting for a broker that is unavailable: with backoff, without a limit, until it is time to stop."""

import asyncio
import contextlib
from collections.abc import Sequence

from nightshift.backoff import Backoff
from nightshift.outcomes import Unavailable
from nightshift.scheduler.state.cron_stream import EventStream, LastEvent
from nightshift.scheduler.state.event_log import EventLog

RETRIES = Backoff(ceiling_seconds=5.0)
_LOOK_FOR_BROKER_SECONDS = 0.25


async def until_up(stream: EventStream, stop: asyncio.Event) -> bool:
    """Wait for the broker; return False when it is time to stop instead."""
    while not stop.is_set():
        if stream.is_up:
            return True
        await _pause(_LOOK_FOR_BROKER_SECONDS, stop)
    return False


async def read_latest_events(
    stream: EventStream, names: Sequence[str], stop: asyncio.Event, log: EventLog
) -> dict[str, LastEvent] | None:
    """Return the newest event of each schedule, however long that takes; None when it is time to stop instead."""
    failures = 0
    while await until_up(stream, stop):
        try:
            return await stream.latest_events(names)
        except Unavailable as unavailable:
            failures += 1
            log.memory_unreadable(unavailable)
            await _pause(RETRIES.delay(failures).total_seconds(), stop)
    return None


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait in real time, whatever the wall clock does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
