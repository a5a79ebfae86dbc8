"""A histogram of durations that costs a list lookup per observation."""

from bisect import bisect_left
from itertools import accumulate

_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Upper bounds in seconds: a no-op job takes a millisecond, the default timeout is 900 s, a backlog waits for hours."""

_LABELS = (*(f"{bound!r}" for bound in _BOUNDS), "+Inf")


class Histogram:
    """Counts durations in buckets; one thread observes, any thread may take a snapshot."""

    __slots__ = ("_counts", "_total_seconds")

    def __init__(self) -> None:
        self._counts = [0] * len(_LABELS)
        self._total_seconds = 0.0

    def observe(self, *durations: float) -> None:
        """Count durations in seconds; a negative one (clocks of two machines differ) counts as none at all."""
        for seconds in durations:
            self._counts[bisect_left(_BOUNDS, seconds)] += 1
            if seconds > 0:
                self._total_seconds += seconds

    def snapshot(self) -> tuple[list[tuple[str, float]], float]:
        """Return (upper bound, how many took at most that long) for each bucket, and the sum of all in seconds."""
        counts = self._counts.copy()
        total_seconds = self._total_seconds
        return [(label, float(count)) for label, count in zip(_LABELS, accumulate(counts), strict=True)], total_seconds
