"""What a schedule makes up for after a pause."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.scheduler.cron.due_times import GRACE, due_times, missed
from nightshift.scheduler.cron.schedule import Misfire, schedule

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [("skip", []), ("latest", [NOON - HOUR]), ("all", [NOON - 3 * HOUR, NOON - 2 * HOUR, NOON - HOUR])],
)
def test_the_policy_decides_about_what_was_missed(misfire: Misfire, expected: list[datetime]) -> None:
    """Of three missed hours `skip` announces none, `latest` the last one, `all` each."""
    entry = schedule("sync.test", "0 * * * *", misfire)
    assert missed(entry, NOON - 4 * HOUR, NOON - timedelta(minutes=10)) == expected


@pytest.mark.parametrize("misfire", ["skip", "latest", "all"])
def test_up_to_sixty_seconds_late_is_no_misfire(misfire: Misfire) -> None:
    """Whatever the policy, a due time that is exactly 60 s late is announced, as is everything after it."""
    entry = schedule("sync.test", "0 * * * *", misfire)
    assert missed(entry, NOON - HOUR, NOON + GRACE) == [NOON]
    every_second = schedule("sync.test", "* * * * * *", misfire)
    assert missed(every_second, NOON - GRACE, NOON) == [NOON - GRACE + timedelta(seconds=n) for n in range(1, 61)]


def test_more_than_sixty_seconds_late_is_a_misfire() -> None:
    """A microsecond beyond the grace `skip` drops it."""
    entry = schedule("sync.test", "0 * * * *", "skip")
    assert missed(entry, NOON - HOUR, NOON + GRACE + timedelta(microseconds=1)) == []


def test_a_due_time_within_the_grace_stands_for_the_latest_missed_one() -> None:
    """`latest` makes up with one event, and a due time that is on time is that event."""
    entry = schedule("sync.test", "0 * * * *", "latest")
    assert missed(entry, NOON - 5 * HOUR, NOON + GRACE / 2) == [NOON]


def test_at_most_the_newest_hundred_are_made_up_for() -> None:
    """After a year, `all` announces the newest 100 due times, at once and in order."""
    entry = schedule("sync.test", "*/5 * * * *", "all")
    found = missed(entry, NOON - timedelta(days=365), NOON + timedelta(minutes=2))
    assert found == [NOON - timedelta(minutes=5) * number for number in reversed(range(100))]


def test_nothing_is_missed_when_the_memory_is_ahead() -> None:
    """A memory that lies ahead of the clock by seconds leaves nothing to announce."""
    assert missed(schedule("sync.test", "* * * * *", "all"), NOON + timedelta(seconds=5), NOON) == []


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "5 */3 * * *", "30 2 * * *", "*/30 * * * * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2026, 3, 27), datetime(2026, 4, 6), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.timedeltas(timedelta(), timedelta(hours=30)),
)
def test_each_policy_chooses_among_all_that_was_due(
    expression: str, zone: str, memory: datetime, pause: timedelta
) -> None:
    """Compared with the plain list of due times: on-time ones always, of the rest none, the last, or the newest."""
    now = memory + pause
    due = list(due_times(schedule("sync.test", expression, "all", zone), memory, now))
    on_time = [instant for instant in due if now - instant <= GRACE]
    late = due[: len(due) - len(on_time)]
    assert missed(schedule("sync.test", expression, "skip", zone), memory, now) == on_time
    assert missed(schedule("sync.test", expression, "latest", zone), memory, now) == (on_time or late[-1:])
    assert missed(schedule("sync.test", expression, "all", zone), memory, now) == due[-100:]
