"""Slots: how many do something at the same time, in all and of each key; nobody waits for one."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from nightshift.gateway.problems import Problem

_RETRY_SECONDS = 2


class Slots:
    """Bounded places for something that takes long."""

    def __init__(self, total: int, *, per_key: int | None = None) -> None:
        self._total, self._per_key = total, per_key or total
        self._taken: Counter[str] = Counter()
        self.in_use = 0

    def check(self, key: str) -> None:
        """Find out whether there is a place.

        Raises:
            Problem: `busy` where all are taken, `too-many-requests` where those of this key are.
        """
        if self.in_use >= self._total:
            raise Problem("busy", retry_after=_RETRY_SECONDS)
        if self._taken.get(key, 0) >= self._per_key:
            raise Problem(
                "too-many-requests", f"{self._per_key} at the same time with one key.", retry_after=_RETRY_SECONDS
            )

    @contextmanager
    def taken(self, key: str) -> Iterator[None]:
        """Take a place for as long as the block runs; raise as `check` does."""
        self.check(key)
        with self.held(key):
            yield

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Hold a place that `check` has found."""
        self._taken[key] += 1
        self.in_use += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
