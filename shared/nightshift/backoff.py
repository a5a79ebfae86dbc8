"""How long to wait before the next attempt: exponential backoff with full jitter."""

import random
from dataclasses import dataclass
from datetime import timedelta

BASE_SECONDS = 1.0
FACTOR = 2.0
CEILING_SECONDS = 15 * 60.0
_MAX_EXPONENT = 32
"""Beyond it every delay is at the ceiling, and the power would only overflow."""


@dataclass(slots=True, frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter")."""

    base_seconds: float = BASE_SECONDS
    factor: float = FACTOR
    ceiling_seconds: float = CEILING_SECONDS
    rng: random.Random | None = None

    def delay(self, attempt: int) -> timedelta:
        """Return the wait after the failed attempt number `attempt` (from 1).

        It is uniform between nothing and 1 s, 2 s, 4 s, … up to the ceiling, so that jobs that failed together do not
        come back together.
        """
        exponent = min(max(attempt, 1) - 1, _MAX_EXPONENT)
        limit = min(self.ceiling_seconds, self.base_seconds * self.factor**exponent)
        return timedelta(seconds=(self.rng or random).uniform(0, limit))
