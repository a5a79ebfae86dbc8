"""Rates: a bucket of tokens for each caller, filled at their rate. Each replica counts for itself."""

import time
from collections.abc import Callable

_MOST_BUCKETS = 50_000


class RateLimiter:
    """Takes tokens from a caller's bucket, and says how long to wait where there are too few."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Caller -> tokens at an instant."""

    def take(self, caller: str, rate: float, burst: float, *, tokens: float = 1.0) -> float:
        """Take tokens; return 0, or the seconds until there is one again. `burst` is what a full bucket holds.

        Whoever has one token may take more than there are (a batch), and then waits for longer.
        """
        now = self._clock()
        left, at = self._buckets.get(caller, (burst, now))
        left = min(burst, left + (now - at) * rate)
        if left < 1:
            return (1 - left) / rate
        if len(self._buckets) >= _MOST_BUCKETS:
            self._forget_full(now, rate, burst)
        self._buckets[caller] = (left - tokens, now)
        return 0.0

    def _forget_full(self, now: float, rate: float, burst: float) -> None:
        """Forget those that would be full by now, or all: somebody makes up callers."""
        kept = {caller: (left, at) for caller, (left, at) in self._buckets.items() if left + (now - at) * rate < burst}
        self._buckets = kept if len(kept) < _MOST_BUCKETS else {}
