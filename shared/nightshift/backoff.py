"""How long to wait before the next attempt: exponential backoff with full jitter."""

import random
from datetime import timedelta

BASE_SECONDS = 1.0
FACTOR = 2.0
CEILING_SECONDS = 15 * 60.0
_MAX_EXPONENT = 32
"""Beyond it every delay is at the ceiling, and the power would only overflow."""


def backoff(attempt: int, *, ceiling_seconds: float = CEILING_SECONDS, rng: random.Random | None = None) -> timedelta:
    """The wait after the failed attempt number `attempt` (from 1).

    Uniform between nothing and 1 s, 2 s, 4 s, … up to the ceiling, so that jobs that failed together do not
    come back together (AWS Architecture Blog, "Exponential Backoff And Jitter", full jitter).
    """
    exponent = min(max(attempt, 1) - 1, _MAX_EXPONENT)
    limit = min(ceiling_seconds, BASE_SECONDS * FACTOR**exponent)
    return timedelta(seconds=(rng or random).uniform(0, limit))
