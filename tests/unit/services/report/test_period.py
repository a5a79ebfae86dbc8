"""The days of a report: those of a calendar in a time zone, and their like before them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.report.period import days_until, last_midnight, period_label

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_period_that_ends_at_midnight_has_whole_days() -> None:
    """The seven days until a Monday's beginning are Monday to Sunday."""
    period = days_until(MONDAY, UTC_ZONE, 7)
    assert [day.date for day in period.days] == [date(2026, 11, 16) + timedelta(days=number) for number in range(7)]
    assert (period.start, period.end) == (MONDAY - timedelta(days=7), MONDAY)


def test_a_day_in_hand_is_the_last_one_and_cut_short() -> None:
    """Until Monday at nine: the last day is Monday and has nine hours."""
    period = days_until(MONDAY + timedelta(hours=9), UTC_ZONE, 7)
    assert period.days[-1].date == date(2026, 11, 23)
    assert period.days[-1].end - period.days[-1].start == timedelta(hours=9)
    assert period.start == MONDAY - timedelta(days=6)


def test_days_are_those_of_the_time_zone() -> None:
    """In Berlin Monday begins at 23:00 UTC on Sunday."""
    period = days_until(MONDAY - timedelta(hours=1), BERLIN, 7)
    assert period.days[-1].date == date(2026, 11, 22)
    assert period.start == datetime(2026, 11, 15, 23, tzinfo=UTC)


def test_a_day_of_a_clock_change_has_its_own_length() -> None:
    """The last Sunday of March has 23 hours in Berlin, and the days around it begin at its midnights."""
    period = days_until(datetime(2026, 3, 30, tzinfo=BERLIN), BERLIN, 2)
    assert [day.end - day.start for day in period.days] == [timedelta(hours=24), timedelta(hours=23)]


def test_a_day_cut_short_is_compared_with_its_like() -> None:
    """Monday until nine is compared with the Monday before until nine, not with the whole of it."""
    before = days_until(MONDAY + timedelta(hours=9), UTC_ZONE, 7).before
    assert before.end == MONDAY - timedelta(days=7) + timedelta(hours=9)
    assert before.days[-1].date == date(2026, 11, 16)
    assert len(before.days) == 7


def test_whole_days_are_followed_by_the_next_period() -> None:
    """Nothing lies between the two, also across a clock change."""
    period = days_until(datetime(2026, 4, 1, tzinfo=BERLIN), BERLIN, 7)
    assert period.before.end == period.start


@given(
    st.integers(0, 3_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Auckland"]),
    st.integers(1, 92),
)
def test_days_touch_each_other_and_end_where_they_should(until: datetime, zone: str, count: int) -> None:
    """Whatever the instant and the zone: so many days, in order, without gaps, none empty."""
    period = days_until(until, ZoneInfo(zone), count)
    assert len(period.days) == count == len(period.before.days)
    assert all(day.start < day.end for day in period.days)
    assert all(one.end == other.start for one, other in zip(period.days, period.days[1:], strict=False))
    assert period.end == until
    assert period.before.end <= period.start


def test_the_last_day_that_is_over() -> None:
    """At nine on Monday in Berlin that is Sunday, which ended at 23:00 UTC."""
    due = datetime(2026, 11, 23, 9, tzinfo=BERLIN)
    assert last_midnight(due, BERLIN) == datetime(2026, 11, 22, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "count", "words"),
    [
        (MONDAY, 7, "16 to 22 November 2026"),
        (MONDAY, 1, "22 November 2026"),
        (datetime(2026, 11, 3, tzinfo=UTC), 7, "27 October to 2 November 2026"),
        (datetime(2026, 1, 3, tzinfo=UTC), 7, "27 December 2025 to 2 January 2026"),
        (MONDAY + timedelta(hours=9, minutes=5), 7, "17 to 23 November 2026 (until 09:05)"),
    ],
)
def test_a_period_in_words(until: datetime, count: int, words: str) -> None:
    """Names each month and year once."""
    assert period_label(days_until(until, UTC_ZONE, count)) == words
