"""Requests are spread over time."""

from datetime import timedelta

import pytest

from nightshift.outcomes import Snooze
from services.email.rate_limiter import LONGEST_HOLD, LONGEST_TURN_SECONDS, RateLimiter


class Clock:
    """A clock that somebody sets; nobody sleeps, but how long they would is recorded."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """What time it is."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Records it."""
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    """At 100 seconds."""
    return Clock()


def pace_of(clock: Clock, per_second: float = 2.0) -> RateLimiter:
    """A pace on this clock."""
    return RateLimiter(per_second, clock=clock, sleep=clock.sleep)


async def test_the_first_goes_at_once_and_the_others_at_their_distance(clock: Clock) -> None:
    """Whoever asks at the same time stands in a line."""
    pace = pace_of(clock)
    for _ in range(4):
        await pace.acquire()
    assert clock.slept == [0.5, 1.0, 1.5]


async def test_who_comes_late_waits_for_nobody(clock: Clock) -> None:
    """A pause is not saved up either: the next ones keep their distance."""
    pace = pace_of(clock)
    await pace.acquire()
    clock.now += 60
    await pace.acquire()
    await pace.acquire()
    assert clock.slept == [0.5]


async def test_whose_turn_is_too_far_off_comes_back_then(clock: Clock) -> None:
    """Without an attempt, one behind the other, so that not all come back at once to be put off again."""
    pace = pace_of(clock, per_second=0.1)
    await pace.acquire()
    await pace.acquire()
    for turns in (2, 3, 4):
        with pytest.raises(Snooze) as snooze:
            await pace.acquire()
        assert snooze.value.delay == timedelta(seconds=turns * LONGEST_TURN_SECONDS)


async def test_who_comes_back_in_time_finds_its_turn(clock: Clock) -> None:
    """A burst of any length is put off once, whatever the clock's next reading."""
    pace = pace_of(clock)
    due = []
    for _ in range(200):
        try:
            await pace.acquire()
        except Snooze as snooze:
            due.append(clock.now + snooze.delay.total_seconds())
    for clock.now in due:
        await pace.acquire()
    assert len(due) == 200 - 21


async def test_a_provider_that_takes_no_more_is_left_in_peace(clock: Clock) -> None:
    """For as long as it says, a minute at most."""
    pace = pace_of(clock)
    pace.pause(timedelta(seconds=3))
    pace.pause(timedelta(seconds=1))
    await pace.acquire()
    assert clock.slept == [3]
    pace.pause(timedelta(hours=1))
    with pytest.raises(Snooze) as snooze:
        await pace.acquire()
    assert snooze.value.delay == LONGEST_HOLD
