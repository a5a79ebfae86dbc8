"""Whether messages that wait together are stored sooner as one batch or one by one, by what both took lately."""

import time
from collections.abc import Callable

_USUAL_BATCH_SECONDS, _USUAL_SINGLE_SECONDS = 0.015, 0.0006
"""Measured on a durable broker: a batch costs 10 to 20 ms whatever its size up to 100, a single message 0.4 to 1 ms."""
_EACH_SECONDS = 0.00003
"""What a message adds to its batch."""
_REMEMBERED_SECONDS = 10.0
"""A measurement that is older says nothing: what is not chosen any more would never be measured again."""
_NEW_PART = 0.25
"""How much of what is remembered a new measurement replaces: one that was disturbed decides nothing."""


class _Cost:
    """Seconds that something takes, as measured lately, or as usual."""

    def __init__(self, usual_seconds: float, clock: Callable[[], float]) -> None:
        self._usual, self._clock = usual_seconds, clock
        self._measured, self._at = usual_seconds, -_REMEMBERED_SECONDS

    @property
    def seconds(self) -> float:
        """Return what it takes."""
        return self._measured if self._clock() - self._at <= _REMEMBERED_SECONDS else self._usual

    def took(self, seconds: float) -> None:
        """Note a measurement."""
        known = self.seconds
        self._measured, self._at = known + (seconds - known) * _NEW_PART, self._clock()


class BatchWorth:
    """Compares a batch with single messages on one broker, whose disk decides."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._batch, self._single = _Cost(_USUAL_BATCH_SECONDS, clock), _Cost(_USUAL_SINGLE_SECONDS, clock)

    def __call__(self, count: int) -> bool:
        """Return whether so many messages are stored sooner as a batch."""
        return count > 1 and count * self._single.seconds > self._batch.seconds + count * _EACH_SECONDS

    def batch_took(self, count: int, seconds: float) -> None:
        """Note how long a batch of so many messages took."""
        self._batch.took(max(seconds - count * _EACH_SECONDS, 0.0))

    def singles_took(self, count: int, seconds: float) -> None:
        """Note how long so many messages took that were stored one by one at the same time."""
        self._single.took(seconds / count)
