"""Slows down whoever guesses passwords: after a few failures the next try of a name, or an address, has to wait."""

import time
from collections.abc import Callable

FREE_TRIES = 5
_LONGEST_SECONDS = 300.0
_REMEMBERED = 10_000
_FORGOTTEN_SECONDS = 3600.0


class Throttle:
    """Counts failures by name and by address; both are bounded in number."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, float]] = {}

    def wait_seconds(self, *keys: str) -> float:
        """Return how long these have to wait before the next try."""
        return max(self._wait(key) for key in keys)

    def failed(self, *keys: str) -> None:
        """Count a failure of each."""
        now = self._clock()
        if len(self._failed) > _REMEMBERED:
            self._failed = {key: row for key, row in self._failed.items() if now - row[1] < _LONGEST_SECONDS}
        if len(self._failed) > _REMEMBERED:
            self._failed.clear()
        for key in keys:
            count, since = self._failed.get(key, (0, now))
            self._failed[key] = (1 if now - since > _FORGOTTEN_SECONDS else count + 1, now)

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of these."""
        for key in keys:
            self._failed.pop(key, None)

    def _wait(self, key: str) -> float:
        count, since = self._failed.get(key, (0, 0.0))
        if count < FREE_TRIES:
            return 0.0
        wait = min(_LONGEST_SECONDS, 2.0 ** (count - FREE_TRIES))
        return max(0.0, since + wait - self._clock())
