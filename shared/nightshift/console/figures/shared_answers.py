"""Answers that are everybody's: who asks the same within a moment gets what the first one got.

So what a page costs the broker does not grow with the number of people and tabs that show it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
MOMENT_SECONDS = 1.5
"""As often as the sampler looks while somebody watches."""
_MOST = 500


class _Asked(NamedTuple):
    answer: "asyncio.Task[Any]"
    until: float


class SharedAnswers:
    """Answers by what was asked; each is kept for a moment, a failure only while it is being waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[Hashable, _Asked] = {}

    async def of(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to a question, by asking it if nobody has in the last moment; raises what `ask` raises."""
        now = self._clock()
        known = self._asked.get(question)
        if known is None or known.until <= now or _has_failed(known.answer):
            self._forget_old(now)
            known = _Asked(asyncio.ensure_future(_awaited(ask)), now + MOMENT_SECONDS)
            self._asked[question] = known
        answer: T = await asyncio.shield(known.answer)
        return answer

    def _forget_old(self, now: float) -> None:
        self._asked = {question: one for question, one in self._asked.items() if one.until > now}
        while len(self._asked) >= _MOST:
            self._asked.pop(next(iter(self._asked)))


async def _awaited(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


def _has_failed(answer: "asyncio.Task[Any]") -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)
