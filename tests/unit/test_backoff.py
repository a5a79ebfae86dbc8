"""How long a failed job waits before its next attempt."""

import random

from hypothesis import given
from hypothesis import strategies as st

from nightshift.backoff import CEILING_SECONDS, RetryPolicy


class Highest(random.Random):
    """Always draws the largest value there is."""

    def uniform(self, _low: float, high: float) -> float:
        """Returns the upper bound."""
        return high


class Lowest(random.Random):
    """Always draws the smallest."""

    def uniform(self, low: float, _high: float) -> float:
        """Returns the lower bound."""
        return low


@given(st.integers(-10, 10**9), st.floats(0.001, 1e6), st.randoms(use_true_random=False))
def test_every_wait_lies_between_nothing_and_the_ceiling(attempt: int, ceiling: float, rng: random.Random) -> None:
    """Whatever the attempt, also one that no attempt can be."""
    assert (
        0 <= RetryPolicy(ceiling_seconds=ceiling, rng=rng).delay(attempt).total_seconds() <= ceiling + 1e-6
    )  # rounding


@given(st.integers(1, 10))
def test_the_longest_wait_doubles_with_each_attempt(attempt: int) -> None:
    """1 s after the first failure, 2 s after the second, 4 s after the third."""
    assert RetryPolicy(rng=Highest()).delay(attempt).total_seconds() == min(2.0 ** (attempt - 1), CEILING_SECONDS)


@given(st.integers(11, 10**6))
def test_the_longest_wait_stays_at_the_ceiling(attempt: int) -> None:
    """A quarter of an hour, however often it has failed."""
    assert RetryPolicy(rng=Highest()).delay(attempt).total_seconds() == 15 * 60


@given(st.integers(1, 100))
def test_the_jitter_is_full(attempt: int) -> None:
    """The shortest wait is none at all, so that jobs which failed together come back apart."""
    assert RetryPolicy(rng=Lowest()).delay(attempt).total_seconds() == 0
