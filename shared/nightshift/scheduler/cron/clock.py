"""The wall clock, and waiting on it: what a test replaces."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Protocol

LONGEST_WAIT = timedelta(seconds=1)
"""A wait looks at the wall clock again after this time: it may have been set, or the machine suspended."""
_SHORTEST_WAIT_SECONDS = 0.001


class Timekeeper(Protocol):
    """Says what time it is and waits for a time to come."""

    def now(self) -> datetime:
        """Returns the time (aware, UTC)."""
        ...

    async def wait(self, until: datetime | None, stop: asyncio.Event) -> None:
        """Waits until then, but at most a little while, and not when `stop` is set; the caller looks again."""
        ...


class SystemTime:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Returns the time (aware, UTC)."""
        return datetime.now(UTC)

    async def wait(self, until: datetime | None, stop: asyncio.Event) -> None:
        """Waits until then, at most `LONGEST_WAIT`."""
        left = LONGEST_WAIT if until is None else min(until - self.now(), LONGEST_WAIT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(left.total_seconds(), _SHORTEST_WAIT_SECONDS)):
                await stop.wait()
