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
    `run` returns one result per item, in order; an exception among the results, or raised, goes to its caller. Who has
    waited for `patience_seconds` gets a `TimeoutError`; its items may be run all the same.
    """

    def __init__(
        self,
        run: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
        *,
        max_size: int,
        patience_seconds: float | None = None,
    ) -> None:
        self._run, self._max_size, self._patience_seconds = run, max_size, patience_seconds
        self._impatient: deque[tuple[float, asyncio.Future[Sequence[R | Exception]]]] = deque()
        self._waiting: deque[tuple[Sequence[T], asyncio.Future[Sequence[R | Exception]]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """Add an item to the next group and wait for its own result."""
        (result,) = await self.together([item])
        if isinstance(result, Exception):
            raise result
        return result

    async def together(self, items: Sequence[T]) -> Sequence[R | Exception]:
        """Add items to the next group, or to the next few, and return their results, exceptions among them."""
        if len(items) > self._max_size:
            parts = [items[start : start + self._max_size] for start in range(0, len(items), self._max_size)]
            answers = await asyncio.gather(*(self.together(part) for part in parts))
            return [result for answer in answers for result in answer]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[R | Exception]] = loop.create_future()
        self._waiting.append((items, future))
        if self._patience_seconds is not None:
            self._limit(future, self._patience_seconds, loop)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    def _limit(
        self, future: "asyncio.Future[Sequence[R | Exception]]", seconds: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Let a call end in time. One timer serves all: a timer for each would cost more than what most calls do."""
        self._impatient.append((loop.time() + seconds, future))
        if len(self._impatient) == 1:
            loop.call_at(self._impatient[0][0], self._give_up)

    def _give_up(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._impatient and (self._impatient[0][1].done() or self._impatient[0][0] <= now):
            _, future = self._impatient.popleft()
            if not future.done():
                future.set_exception(TimeoutError())
        if self._impatient:
            loop.call_at(self._impatient[0][0], self._give_up)

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._resolve(self._next())
                await asyncio.sleep(0)  # whoever was answered and asks again comes along with those that wait
        finally:
            self._task = None

    def _next(self) -> list[tuple[Sequence[T], "asyncio.Future[Sequence[R | Exception]]"]]:
        """Take the calls of the next group; those whose caller has gone are dropped."""
        group: list[tuple[Sequence[T], asyncio.Future[Sequence[R | Exception]]]] = []
        size = 0
        while self._waiting and size + len(self._waiting[0][0]) <= self._max_size:
            items, future = self._waiting.popleft()
            if not future.done():
                group.append((items, future))
                size += len(items)
        return group

    async def _resolve(self, group: list[tuple[Sequence[T], "asyncio.Future[Sequence[R | Exception]]"]]) -> None:
        items = [item for own, _ in group for item in own]
        if not items:
            return
        results: Sequence[R | Exception]
        try:
            results = await self._run(items)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the callers
            results = [error] * len(items)
        if len(results) != len(items):
            results = [ValueError(f"{len(results)} results of {len(items)} items")] * len(items)
        position = 0
        for own, future in group:
            if not future.done():
                future.set_result(results[position : position + len(own)])
            position += len(own)
