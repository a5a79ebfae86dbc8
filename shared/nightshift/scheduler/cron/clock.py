"""The wall clock, and waiting on it: what a test replaces."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Protocol

MAX_WAIT = timedelta(seconds=1)
"""A wait looks at the wall clock again after this time: it may have been set, or the machine suspended."""
_MIN_WAIT_SECONDS = 0.001


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> datetime:
        """Return the time (aware, UTC)."""
        ...

    async def wait(self, until: datetime | None, stop: asyncio.Event) -> None:
        """Wait until then, but briefly at most, and not when `stop` is set; the caller looks again."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time (aware, UTC)."""
        return datetime.now(UTC)

    async def wait(self, until: datetime | None, stop: asyncio.Event) -> None:
        """Wait until then, `MAX_WAIT` at most."""
        left = MAX_WAIT if until is None else min(until - self.now(), MAX_WAIT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(left.total_seconds(), _MIN_WAIT_SECONDS)):
                await stop.wait()
