"""Due times: tables for what clock changes do, and a brute-force oracle for everything else."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.scheduler.cron.due_times import due_times, next_due
from nightshift.scheduler.cron.schedule import schedule

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AROUND = timedelta(hours=30)


def due_locally(expression: str, zone: str, start: str, count: int) -> list[str]:
    """The next due times after a local time, as day, time and offset."""
    found: list[str] = []
    after = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    entry = schedule("sync.test", expression, "all", zone)
    while len(found) < count:
        due = next_due(entry, after)
        assert due is not None
        found.append(f"{due.astimezone(entry.zone):%d %H:%M %z}")
        after = due
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28", ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]),
        ("30 2 * * *", "America/New_York", "2026-03-07", ["07 02:30 -0500", "08 03:00 -0400", "09 02:30 -0400"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03", ["03 02:15 +1030", "04 02:30 +1100", "05 02:15 +1100"]),
        ("0 0 * * *", "Africa/Cairo", "2026-04-22T12:00", ["23 00:00 +0200", "24 01:00 +0300", "25 00:00 +0300"]),
        ("0 12 * * *", "Pacific/Apia", "2011-12-29", ["29 12:00 -1000", "31 00:00 +1400", "31 12:00 +1400"]),
    ],
)
def test_a_skipped_due_time_comes_right_after_the_gap(
    expression: str, zone: str, start: str, expected: list[str]
) -> None:
    """A time of day that a clock change skips comes due once, at the first instant after the gap."""
    assert due_locally(expression, zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-10-24", ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"]),
        ("30 1 * * *", "America/New_York", "2026-10-31", ["31 01:30 -0400", "01 01:30 -0400", "02 01:30 -0500"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04", ["04 01:45 +1100", "05 01:45 +1100", "06 01:45 +1030"]),
        ("30 2 * * *", "Africa/Casablanca", "2026-02-14", ["14 02:30 +0100", "15 02:30 +0100", "16 02:30 +0000"]),
    ],
)
def test_a_repeated_due_time_comes_once(expression: str, zone: str, start: str, expected: list[str]) -> None:
    """A time of day that a clock change repeats comes due once, when the clock shows it first."""
    assert due_locally(expression, zone, start, len(expected)) == expected


def test_times_that_one_gap_skips_come_together_once() -> None:
    """Four quarters inside one gap are one due time at its end, not four at the same instant."""
    found = due_locally("*/15 2 * * *", "Europe/Berlin", "2026-03-29", 2)
    assert found == ["29 03:00 +0200", "30 02:00 +0200"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Africa/Casablanca", "Antarctica/Troll"])
@pytest.mark.parametrize(("expression", "rhythm"), [("*/15 * * * *", 15 * MINUTE), ("20 * * * *", HOUR)])
def test_a_rhythm_is_not_disturbed_by_clock_changes_of_whole_hours(
    zone: str, expression: str, rhythm: timedelta
) -> None:
    """An expression for every hour comes due at even distances all year, in both directions of the clock."""
    entry = schedule("sync.test", expression, "all", zone)
    due = list(due_times(entry, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
    assert {later - earlier for earlier, later in pairwise(due)} == {rhythm}


def test_a_beat_inside_a_gap_of_half_an_hour_comes_right_after_it() -> None:
    """Where the clock skips half an hour, the beat in it comes due once, right after the gap."""
    found = due_locally("15 * * * *", "Australia/Lord_Howe", "2026-10-04T01:00", 3)
    assert found == ["04 01:15 +1030", "04 02:30 +1100", "04 03:15 +1100"]


def test_seconds_come_first_in_six_fields() -> None:
    """The first of six fields is the second."""
    entry = schedule("sync.test", "*/20 30 9 * * *", "all")
    due = due_times(entry, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert [f"{instant:%H:%M:%S}" for instant in due] == ["09:30:00", "09:30:20", "09:30:40"]


def test_a_due_time_is_after_the_instant_that_is_asked_about() -> None:
    """A due time at that very instant is not the next one; fractions of a second do not matter."""
    entry = schedule("sync.test", "0 * * * *", "all")
    nine = datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert next_due(entry, nine) == nine + HOUR
    assert next_due(entry, nine - timedelta(microseconds=1)) == nine


def test_instants_may_come_in_any_zone() -> None:
    """The same instants in another time zone give the same due times, also across that zone's own changes."""
    berlin, entry = ZoneInfo("Europe/Berlin"), schedule("sync.test", "*/10 * * * *", "all")
    start, end = datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC)
    assert list(due_times(entry, start.astimezone(berlin), end.astimezone(berlin))) == list(
        due_times(entry, start, end)
    )


ZONES = (
    ("Europe/Berlin", 2026),
    ("America/New_York", 2026),
    ("Australia/Lord_Howe", 2026),
    ("Africa/Casablanca", 2026),
    ("Africa/Cairo", 2026),
    ("America/Santiago", 2026),
    ("Europe/Dublin", 2026),
    ("Antarctica/Troll", 2026),
    ("America/Caracas", 2016),
    ("Pacific/Apia", 2011),
    ("Asia/Kathmandu", 2026),
)


@cache
def shown_around_changes(zone: str, year: int) -> list[list[tuple[datetime, datetime]]]:
    """For each clock change of the year, every minute around it and what the clock shows then."""
    info, start = ZoneInfo(zone), datetime(year, 1, 2, tzinfo=UTC)
    hours = [start + HOUR * number for number in range(363 * 24)]
    changes = [
        hour
        for hour, later in pairwise(hours)
        if hour.astimezone(info).utcoffset() != later.astimezone(info).utcoffset()
    ]
    count = 2 * AROUND // MINUTE
    return [
        [
            (instant, instant.astimezone(info).replace(tzinfo=None, fold=0))
            for instant in (change - AROUND + MINUTE * number for number in range(count))
        ]
        for change in changes or [start + AROUND * 2]
    ]


Field = tuple[str, frozenset[int]]


def fields(low: int, high: int) -> st.SearchStrategy[Field]:
    """A field of an expression, and what it means."""
    everything = frozenset(range(low, high + 1))
    some = st.sets(st.integers(low, high), min_size=1, max_size=4).map(
        lambda values: (",".join(map(str, sorted(values))), frozenset(values))
    )
    steps = st.integers(2, high).map(lambda step: (f"*/{step}", frozenset(range(low, high + 1, step))))
    return st.one_of(st.just(("*", everything)), some, steps)


@st.composite
def around_a_change(draw: st.DrawFn) -> tuple[str, list[tuple[datetime, datetime]]]:
    """A time zone and the minutes around one of its clock changes."""
    zone, year = draw(st.sampled_from(ZONES))
    return zone, draw(st.sampled_from(shown_around_changes(zone, year)))


def oracle(
    shown: list[tuple[datetime, datetime]],
    names: tuple[frozenset[int], frozenset[int], frozenset[int]],
    *,
    either_day: bool,
    days_of_month: frozenset[int],
    rhythm: bool,
) -> list[datetime]:
    """Every due time, found by looking at each minute: knows nothing but what the clock shows when."""
    minutes, hours, days_of_week = names

    def named(wall: datetime) -> bool:
        month, week = wall.day in days_of_month, wall.isoweekday() % 7 in days_of_week
        return wall.minute in minutes and wall.hour in hours and (month or week if either_day else month and week)

    due: set[datetime] = set()
    latest = shown[0][1] - MINUTE
    for instant, wall in shown:
        gap = wall - latest - MINUTE
        skipped = [latest + MINUTE * number for number in range(1, gap // MINUTE + 1)]
        if not (rhythm and gap % HOUR == timedelta()) and any(named(wall) for wall in skipped):
            due.add(instant)
        if named(wall) and (rhythm or wall > latest):
            due.add(instant)
        # A repeated time is not later than what was shown before; a rhythm goes by what is shown now.
        latest = wall if rhythm else max(latest, wall)
    return sorted(due)


@settings(max_examples=150, deadline=None)
@given(
    around_a_change(),
    st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(0, 6)),
    st.integers(0, 2 * AROUND // MINUTE),
)
def test_due_times_are_those_that_a_look_at_every_minute_finds(
    place: tuple[str, list[tuple[datetime, datetime]]],
    named: tuple[Field, Field, Field, Field],
    start: int,
) -> None:
    """Around every kind of clock change: none skipped, none twice, strictly increasing."""
    zone, shown = place
    minute, hour, day, weekday = named
    entry = schedule("sync.test", f"{minute[0]} {hour[0]} {day[0]} * {weekday[0]}", "all", zone)
    after = shown[min(start, len(shown) - 1)][0] - MINUTE / 2
    expected = oracle(
        shown,
        (minute[1], hour[1], weekday[1]),
        either_day=not (day[0].startswith("*") or weekday[0].startswith("*")),
        days_of_month=day[1],
        rhythm=len(hour[1]) == 24,
    )
    found = list(due_times(entry, after, shown[-1][0]))
    assert found == [due for due in expected if due > after]
    assert all(earlier < later for earlier, later in pairwise(found))
