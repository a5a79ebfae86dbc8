"""Rates of callers."""

import pytest

from nightshift.gateway.auth.rate_limit import RateLimiter


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Standing still."""
    return Clock()


def test_a_burst_passes_and_then_the_rate_holds(clock: Clock) -> None:
    """The answer says how long to wait."""
    limiter = RateLimiter(clock=clock)
    assert [limiter.take("a", 2.0, 3.0) for _ in range(3)] == [0, 0, 0]
    assert limiter.take("a", 2.0, 3.0) == pytest.approx(0.5)
    clock.now += 0.5
    assert limiter.take("a", 2.0, 3.0) == 0


def test_whoever_is_refused_loses_nothing(clock: Clock) -> None:
    """Asking again and again does not make the wait longer."""
    limiter = RateLimiter(clock=clock)
    limiter.take("a", 1.0, 1.0)
    waits = {limiter.take("a", 1.0, 1.0) for _ in range(10)}
    assert waits == {1.0}


def test_callers_do_not_share_a_bucket(clock: Clock) -> None:
    """One that is busy slows no other."""
    limiter = RateLimiter(clock=clock)
    limiter.take("a", 1.0, 1.0)
    assert limiter.take("b", 1.0, 1.0) == 0


def test_a_batch_may_take_more_than_there_is_and_is_paid_for_afterwards(clock: Clock) -> None:
    """Else one larger than the bucket could never pass."""
    limiter = RateLimiter(clock=clock)
    assert limiter.take("a", 10.0, 20.0, tokens=100) == 0
    assert limiter.take("a", 10.0, 20.0) == pytest.approx(8.1)


def test_a_rest_fills_the_bucket_and_no_more(clock: Clock) -> None:
    """However long it was."""
    limiter = RateLimiter(clock=clock)
    limiter.take("a", 1.0, 2.0)
    clock.now += 1_000
    assert [limiter.take("a", 1.0, 2.0) == 0 for _ in range(3)] == [True, True, False]


def test_callers_that_somebody_makes_up_do_not_fill_the_memory(clock: Clock) -> None:
    """Buckets that are full are forgotten, and in an emergency all."""
    limiter = RateLimiter(clock=clock)
    for number in range(60_000):
        limiter.take(f"caller-{number}", 1.0, 1.0)
    assert len(limiter._buckets) <= 50_000
