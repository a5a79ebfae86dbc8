"""Takes jobs of the same identity one after the other within a process."""

import asyncio
from collections.abc import Hashable


class KeyedLock:
    """Lets one holder of a key through at a time, whoever waits looks again when it leaves.

    Two deliveries of one job at the same moment would both find no inbox row and both do their outside work; only
    one could commit. In one process that is easily avoided; between processes the provider's idempotency key serves.
    """

    def __init__(self) -> None:
        self._held: dict[Hashable, list[asyncio.Future[None]]] = {}

    def free(self, key: Hashable) -> bool:
        """Takes the key if nobody holds it."""
        if key in self._held:
            return False
        self._held[key] = []
        return True

    async def wait(self, key: Hashable) -> None:
        """Takes the key once those before have left it."""
        while not self.free(key):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._held[key].append(turn)
            await turn

    def leave(self, key: Hashable) -> None:
        """Gives the key up; those that wait for it look again."""
        for turn in self._held.pop(key, ()):
            if not turn.done():
                turn.set_result(None)
