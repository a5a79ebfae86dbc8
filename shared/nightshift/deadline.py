"""A time limit that holds also for work that cannot be cancelled."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Awaitable[T]) -> T:
    """Return what the work returns, or raise what it raises.

    `asyncio.timeout` waits for the work that it cancels. This does not: a thread that waits for a lock, or a
    connection that is closed only when its thread answers, ends when it ends.

    Raises:
        TimeoutError: it took longer than `seconds`; it was cancelled, and may still be ending.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.add_done_callback(_retrieve)
            task.cancel()
    if not done:
        raise TimeoutError
    return task.result()


def _retrieve(task: "asyncio.Future[T]") -> None:
    """Look at an exception that nobody waits for any more, so that it is not logged as forgotten."""
    if not task.cancelled():
        task.exception()
