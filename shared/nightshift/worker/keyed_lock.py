"""A lock per key: jobs of the same identity run one after the other within a process."""

import asyncio
from collections.abc import Hashable


class KeyedLock:
    """Let one holder of a key through at a time; waiters try again when the holder releases it.

    Two deliveries of one job at the same moment would both find no inbox row and both do their outside work; only
    one could commit. In one process that is easily avoided; between processes the provider's idempotency key serves.
    """

    def __init__(self) -> None:
        self._held: dict[Hashable, list[asyncio.Future[None]]] = {}

    def try_acquire(self, key: Hashable) -> bool:
        """Acquire the key if nobody holds it."""
        if key in self._held:
            return False
        self._held[key] = []
        return True

    async def acquire(self, key: Hashable) -> None:
        """Acquire the key once nobody holds it."""
        while not self.try_acquire(key):
            released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._held[key].append(released)
            await released

    def release(self, key: Hashable) -> None:
        """Release the key; those that wait for it try again."""
        for released in self._held.pop(key, ()):
            if not released.done():
                released.set_result(None)
