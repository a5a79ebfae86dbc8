"""Answers that are everybody's: who asks the same within a moment gets what the first one got.

So what a page costs the broker does not grow with the number of people and tabs that show it. Where they show many
different ones, answers are kept for longer, so that all together cost what a few do.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
MOMENT_SECONDS, LONGEST_SECONDS = 1.5, 10.0
REQUESTS_PER_SECOND = 5.0
_MOST = 200


class Question(NamedTuple):
    """What is asked, and about how many requests to the broker it takes."""

    what: Hashable
    requests: int


class _Asked(NamedTuple):
    answer: "asyncio.Task[Any]"
    requests: int
    until: float


class SharedAnswers:
    """Answers by what was asked; each is kept for a moment, a failure only while it is being waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[Hashable, _Asked] = {}

    async def of(self, question: Question, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to a question, by asking it if nobody has in the last moment; raises what `ask` raises."""
        now = self._clock()
        known = self._asked.get(question.what)
        if known is None or known.until <= now or _has_failed(known.answer):
            self._forget_old(now)
            self._asked.pop(question.what, None)
            seconds = self._seconds(question.requests)
            known = _Asked(asyncio.ensure_future(_awaited(ask)), question.requests, now + seconds)
            self._asked[question.what] = known
        answer: T = await asyncio.shield(known.answer)
        return answer

    def forget(self) -> None:
        """Ask everything anew: somebody has just changed something."""
        self._asked.clear()

    def _seconds(self, requests: int) -> float:
        """Return how long an answer is kept, if all that are kept are asked for again and again."""
        all_together = requests + sum(one.requests for one in self._asked.values())
        return min(max(MOMENT_SECONDS, all_together / REQUESTS_PER_SECOND), LONGEST_SECONDS)

    def _forget_old(self, now: float) -> None:
        self._asked = {question: one for question, one in self._asked.items() if one.until > now}
        while len(self._asked) >= _MOST:
            self._asked.pop(next(iter(self._asked)))


async def _awaited(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


def _has_failed(answer: "asyncio.Task[Any]") -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)
