"""The sign of life of a background loop: how a loop that hangs is told from one that waits."""

import math
import time
from collections.abc import Callable


class Heartbeat:
    """A loop beats on the event loop, and promises each time when the next beat will come; any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last, self._promise = clock(), math.inf

    def beat(self, within_seconds: float = math.inf) -> None:
        """Promise the next beat within so many seconds; by default, promise nothing: the loop waits for work."""
        self._last = self._clock()  # first: a reader must not hold the old time against the new promise
        self._promise = within_seconds

    def silence(self) -> float | None:
        """Return for how many seconds there was no beat, if that breaks the last promise; else None."""
        promise = self._promise
        silent = self._clock() - self._last
        return silent if silent > promise else None
