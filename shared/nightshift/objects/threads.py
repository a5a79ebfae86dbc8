"""Runs blocking work in a few threads of its own, so that the event loop never waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

R = TypeVar("R")


class AbandonedError(Exception):
    """Nobody waits for the result any more."""


class Threads:
    """A bounded pool of threads; more work waits its turn."""

    def __init__(self, name: str, size: int) -> None:
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, work: Callable[[Event], R]) -> R:
        """Runs `work` in a thread; a cancelled caller sets the event that long work looks at between its pieces."""
        abandoned = Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, abandoned)
        except asyncio.CancelledError:
            abandoned.set()
            raise

    async def close(self) -> None:
        """Drops what has not begun and waits for the rest."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
