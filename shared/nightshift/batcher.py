"""Group commit: concurrent calls gathered into one call for all of them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Call `run` with all items that arrived while the previous call was under way, at most `max_size` at a time.

    There is no timer: alone, an item waits for nothing; under load, groups grow by themselves.
    `run` returns one result per item, in order; an exception among the results, or raised, goes to its caller.
    """

    def __init__(self, run: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]], *, max_size: int) -> None:
        self._run, self._max_size = run, max_size
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """Add an item to the next group and wait for its own result."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                size = min(self._max_size, len(self._waiting))
                group = [self._waiting.popleft() for _ in range(size)]
                await self._resolve([entry for entry in group if not entry[1].done()])
        finally:
            self._task = None

    async def _resolve(self, group: list[tuple[T, asyncio.Future[R]]]) -> None:
        results: Sequence[R | BaseException]
        try:
            results = await self._run([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the callers
            results = [error] * len(group)
        if len(results) != len(group):
            results = [ValueError(f"{len(results)} results of {len(group)} items")] * len(group)
        for (_, future), result in zip(group, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
