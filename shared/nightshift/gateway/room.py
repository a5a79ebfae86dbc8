"""Memory for large bodies: bounded, however many come at the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from nightshift.gateway.problems import Problem

SMALL_BYTES = 64 * 1024
"""Shorter bodies need no room: the number of connections bounds them."""
_WAIT_SECONDS = 2.0
_NO_ROOM_NEEDED = nullcontext()


class Room:
    """So many bytes; whoever needs some waits a moment for them."""

    def __init__(self, size: int, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._free, self._wait_seconds = size, wait_seconds
        self._changed = asyncio.Condition()

    def reserve(self, size: int) -> AbstractAsyncContextManager[None]:
        """Hold `size` bytes within the block; a small body takes none.

        Raises:
            Problem: `busy`: there was no room in time.
        """
        return _NO_ROOM_NEEDED if size <= SMALL_BYTES else self._held(size)

    @asynccontextmanager
    async def _held(self, size: int) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_seconds), self._changed:
                await self._changed.wait_for(lambda: self._free >= size)
                self._free -= size
        except TimeoutError:
            raise Problem("busy", "There is no room for large bodies at the moment.", retry_after=1) from None
        try:
            yield
        finally:
            self._free += size
            async with self._changed:
                self._changed.notify_all()
