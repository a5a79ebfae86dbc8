"""What one source may take of the gateway: one that floods waits, or is turned away, before others are slowed down."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from nightshift.gateway.auth.rate_limit import RateLimiter
from nightshift.gateway.problems import Problem
from nightshift.gateway.room import Room
from nightshift.webhooks.source import Source

IN_HAND = 128
"""Events of one source that are being stored at the same time; further ones wait for these."""
BURST_SECONDS = 10.0
"""A source may send what it is allowed in so long at once."""


class Shares:
    """Each replica counts for itself. Only what was verified counts: nobody can use up another one's share."""

    def __init__(self, room: Room, bytes_of_one: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`room` is for the large bodies of all sources, of which one may have `bytes_of_one`."""
        self._room, self._rates = room, RateLimiter(clock=clock)
        self._rooms = defaultdict[str, Room](lambda: Room(bytes_of_one))
        self._turns = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(IN_HAND))

    @asynccontextmanager
    async def room(self, source: Source, size: int) -> AsyncIterator[None]:
        """Hold `size` bytes of the source's share of the room within the block.

        Raises:
            Problem: `busy`: there was no room in time.
        """
        async with self._rooms[source.name].reserve(size), self._room.reserve(size):
            yield

    def turn(self, source: Source) -> asyncio.Semaphore:
        """Return what an event of the source holds while it is being stored."""
        return self._turns[source.name]

    def count(self, source: Source) -> None:
        """Count an event against the source's rate.

        Raises:
            Problem: `too-many-requests`: there were too many, and the provider will send it again.
        """
        rate = source.events_per_second
        if rate is None:
            return
        wait = self._rates.take(source.name, rate, max(1.0, rate * BURST_SECONDS))
        if wait:
            raise Problem("too-many-requests", "This source sends more than it may.", retry_after=wait)
