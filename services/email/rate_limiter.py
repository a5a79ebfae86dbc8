"""Spreads requests over time, so that a provider's limit is kept and not run into."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from nightshift.outcomes import Snooze

LONGEST_TURN_SECONDS = 10.0
"""Whose turn is later comes back then, and keeps no slot meanwhile. Less than what a worker has to drain."""
LONGEST_HOLD = timedelta(minutes=1)
"""What a provider says for longer is about the mail's own wait; others may ask again by then."""


class Pace:
    """Gives turns, `1 / per_second` apart; the first at once."""

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

    async def turn(self) -> None:
        """Returns when it is this one's turn.

        Raises:
            Snooze: that would take too long. Who is put off comes back behind those put off before, each in its turn.
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

    def hold(self, delay: timedelta) -> None:
        """Gives no new turns for a while, because the provider has said that it takes no more; given ones stay."""
        self._next = max(self._next, self._clock() + min(delay, LONGEST_HOLD).total_seconds())
