"""How long to wait before the next attempt: exponential backoff with full jitter; and how many attempts there are."""

import random
from dataclasses import dataclass
from datetime import timedelta

BASE_SECONDS = 1.0
FACTOR = 2.0
CEILING_SECONDS = 15 * 60.0
_MAX_EXPONENT = 32
"""Beyond it every delay is at the ceiling, and the power would only overflow."""
_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(slots=True, frozen=True)
class Backoff:
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
        return timedelta(seconds=(self.rng or random).uniform(0, self.longest(attempt)))

    def longest(self, attempt: int) -> float:
        """Return the longest wait after that attempt, in seconds."""
        exponent = min(max(attempt, 1) - 1, _MAX_EXPONENT)
        return min(self.ceiling_seconds, self.base_seconds * self.factor**exponent)


@dataclass(slots=True, frozen=True)
class Retries:
    """How often the jobs of a type are tried, and after which waits: a part of the type's contract.

    `most` is the number of attempts, the first one included. After a failed one the job waits for a random time of at
    most `base` seconds, then `factor` times that each time, never more than `ceiling` seconds. The default survives a
    provider that is down for hours: 40 attempts over some four hours. What is better given up soon says so.
    """

    most: int = 40
    base: float = BASE_SECONDS
    factor: float = FACTOR
    ceiling: float = CEILING_SECONDS

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: names the field, and what it has to be.
        """
        if self.most < 1:
            raise ValueError(f"Retries(most={self.most}): a job is tried at least once, so most is 1 or more")
        if not 0 < self.base <= self.ceiling:
            raise ValueError(
                f"Retries(base={self.base}, ceiling={self.ceiling}): seconds, the base at most the ceiling"
            )
        if not self.factor >= 1:
            raise ValueError(f"Retries(factor={self.factor}): waits grow, so the factor is 1 or more")

    @property
    def backoff(self) -> Backoff:
        """The waits."""
        return Backoff(self.base, self.factor, self.ceiling)

    @property
    def span(self) -> timedelta:
        """The mean time between the first attempt and the last; with bad luck half of it, at most twice."""
        backoff = self.backoff
        return timedelta(seconds=sum(backoff.longest(attempt) for attempt in range(1, self.most)) / 2)

    def __str__(self) -> str:
        """Say it to a person: `at most 40 attempts, over about 4 hours`."""
        if self.most == 1:
            return "one attempt"
        seconds = self.span.total_seconds()
        unit, name = next((unit, name) for unit, name in _UNITS if seconds >= unit or unit == 1)
        number = max(1, round(seconds / unit))
        return f"at most {self.most} attempts, over about {number} {name}{'' if number == 1 else 's'}"
