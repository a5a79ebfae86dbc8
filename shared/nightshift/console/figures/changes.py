"""What has changed, told to every browser that follows: names of topics and never figures, which each page asks for.

A topic is a word: `queues`, `queue.email`, `workers`, `letters`, `schedules`, `pauses`, `bulks`, `events.email`;
`EVERYTHING` stands for all of them.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

EVERYTHING = "*"
_TOGETHER_SECONDS, _EACH_SECONDS = 0.1, 0.02
"""What changes within so long, and so much longer for each that follows, is told together, and each topic once: whoever
is told opens a page anew, and these take a fifth of a processor at most."""


class Follower:
    """One browser: a slow one finds each topic that has changed meanwhile, and never a backlog."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = set(topics)
        self._any = asyncio.Event()
        if self._topics:
            self._any.set()

    def note(self, topics: Iterable[str]) -> None:
        """Add topics that have changed; with none, only wake up whoever waits."""
        self._topics.update(topics)
        self._any.set()

    async def next(self, seconds: float) -> list[str]:
        """Return what has changed since the last call, as soon as something has; nothing after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._any.wait()
        except TimeoutError:
            return []
        self._any.clear()
        topics, self._topics = sorted(self._topics), set()
        return topics


class Changes:
    """Tells all followers; knows when each topic has changed last, for those who come back after a break."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.version = self._began = int(clock() * 1000)
        """When something was told last, in milliseconds since 1970: what a page of this moment has seen."""
        self._told: dict[str, int] = {}
        self._values: dict[str, object] = {}
        self._followers: set[Follower] = set()
        self._pending: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.are_over = False

    @property
    def followers(self) -> int:
        """How many follow."""
        return len(self._followers)

    def tell(self, *topics: str) -> None:
        """Tell that these have changed, in a moment; cheap, however often it is called."""
        self._pending.update(topics)
        if self._pending and self._timer is None and not self.are_over:
            self._timer = asyncio.get_running_loop().call_later(self._together(), self._tell)

    def tell_if_new(self, topic: str, value: object) -> None:
        """Tell that a topic has changed, if its value is another one than at the last call."""
        if self._values.get(topic) != value:
            self._values[topic] = value
            self.tell(topic)

    def since(self, version: int) -> list[str]:
        """Return what has changed after a version; everything, if that was told by another process."""
        if not self._began <= version <= self.version:
            return [EVERYTHING]
        return [topic for topic, at in self._told.items() if at > version]

    @contextmanager
    def following(self, version: int) -> Iterator[Follower]:
        """Yield a follower that has seen what was told up to a version."""
        follower = Follower(self.since(version))
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """End: every follower wakes up, and nothing is told any more."""
        self.are_over = True
        if self._timer is not None:
            self._timer.cancel()
        for follower in self._followers:
            follower.note(())

    def _together(self) -> float:
        return max(_TOGETHER_SECONDS, _EACH_SECONDS * len(self._followers))

    def _tell(self) -> None:
        self._timer = None
        topics, self._pending = self._pending, set()
        self.version = max(self.version + 1, int(self._clock() * 1000))
        self._told |= dict.fromkeys(topics, self.version)
        for follower in self._followers:
            follower.note(topics)
