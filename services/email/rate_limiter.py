"""Spread requests over time, to stay below a provider's rate limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from nightshift import Snooze

LONGEST_TURN_SECONDS = 10.0
"""A request whose turn comes later is snoozed and holds no slot. Less than a worker's drain grace."""
LONGEST_HOLD = timedelta(minutes=1)
"""A provider's longer pause applies to the refused mail alone; others may try again after this."""


class RateLimiter:
    """Admits requests `1 / per_second` apart; the first at once."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._apart = 1 / per_second
        self._clock, self._sleep = clock, sleep
        self._next = self._later = 0.0

    async def acquire(self) -> None:
        """Wait for this request's turn.

        Raises:
            Snooze: the wait would be too long. Snoozed requests keep their order.
        """
        now = self._clock()
        wait = max(0.0, self._next - now)
        if wait > LONGEST_TURN_SECONDS:
            self._later = max(self._later + self._apart, self._next)
            wait = self._later - now
            raise Snooze(timedelta(seconds=wait), "its turn comes later: the provider takes only so many a second")
        self._next = now + wait + self._apart
        if wait:
            await self._sleep(wait)

    def pause(self, delay: timedelta) -> None:
        """Admit no new requests for a while, because the provider takes no more; admitted ones go on."""
        self._next = max(self._next, self._clock() + min(delay, LONGEST_HOLD).total_seconds())
