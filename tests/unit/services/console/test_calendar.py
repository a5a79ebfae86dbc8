"""The calendar of what comes due: of all schedules, in UTC and by their own clocks."""

from datetime import UTC, datetime, timedelta

from nightshift.console.figures.calendar import MOST_OF_ONE, calendar
from nightshift.scheduler.cron.schedule import schedule

DAY = timedelta(days=1)


def test_what_comes_due_is_listed_in_order_of_time() -> None:
    """Of all schedules together, until the end of the span."""
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    daily, weekly = schedule("b.daily", "0 3 * * *", "latest"), schedule("a.weekly", "0 1 * * 0", "skip", "Asia/Tokyo")
    found = calendar([daily, weekly], now, DAY)
    assert [(one.name, one.at.hour) for one in found.due] == [("a.weekly", 16), ("b.daily", 3)]
    assert found.due[0].local == "Sun 2026-11-29 01:00:00 +0900"
    assert [one.name for one in calendar([daily], now, 7 * DAY).due] == ["b.daily"] * 7


def test_a_schedule_that_is_due_all_the_time_is_named_and_not_listed() -> None:
    """So a page has an end, and costs little."""
    now = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    hourly, often = schedule("hourly", "0 * * * *", "skip"), schedule("often", "* * * * *", "skip")
    found = calendar([hourly, often], now, DAY)
    assert len(found.due) == MOST_OF_ONE
    assert found.often == ["often"]


def test_the_first_time_after_a_clock_change_is_marked() -> None:
    """In its zone alone: summer time ends in Berlin on 25 October 2026."""
    now = datetime(2026, 10, 23, 12, tzinfo=UTC)
    berlin, utc = schedule("berlin", "0 9 * * *", "skip", "Europe/Berlin"), schedule("utc", "0 9 * * *", "skip")
    found = calendar([berlin, utc], now, 4 * DAY)
    assert [one.local[4:14] for one in found.due if one.is_changed] == ["2026-10-25"]
    assert {one.name for one in found.due if one.is_changed} == {"berlin"}
