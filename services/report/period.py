"""The days that a report is about, and the same stretch before them: pure, without a clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(slots=True, frozen=True)
class Day:
    """A calendar day as a stretch of time, from `start` until before `end` (UTC); the last one may be cut short."""

    date: date
    start: datetime
    end: datetime


@dataclass(slots=True, frozen=True)
class Period:
    """Some calendar days in a row of one time zone, never none."""

    days: tuple[Day, ...]
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """Its first instant, UTC."""
        return self.days[0].start

    @property
    def end(self) -> datetime:
        """The first instant that is no longer in it, UTC."""
        return self.days[-1].end

    @property
    def before(self) -> "Period":
        """As many days directly before, ending at the same time of day: a day cut short is compared with its like."""
        earlier = self.end.astimezone(self.zone).replace(tzinfo=None) - len(self.days) * _ONE_DAY
        return days_until(earlier.replace(tzinfo=self.zone), self.zone, len(self.days))


def days_until(until: datetime, zone: ZoneInfo, count: int) -> Period:
    """The `count` calendar days that end with the one in which `until` (aware) lies, or ends."""
    until = until.astimezone(UTC)
    last = (until - _INSTANT).astimezone(zone).date()
    dates = [last - _ONE_DAY * back for back in reversed(range(count))]
    starts = [_midnight(each, zone) for each in dates]
    return Period(
        tuple(Day(*day) for day in zip(dates, starts, [*starts[1:], until], strict=True)),
        zone,
    )


def day_before(instant: datetime, zone: ZoneInfo) -> datetime:
    """The end of the last day that is over at this instant (UTC): a report of whole days ends there."""
    return _midnight(instant.astimezone(zone).date(), zone)


def in_words(period: Period) -> str:
    """Such as `16 to 22 November 2026`; with a time where the last day is cut short."""
    first, last = period.days[0].date, period.days[-1].date
    if first == last:
        days = day_in_words(last)
    elif (first.year, first.month) == (last.year, last.month):
        days = f"{first.day} to {day_in_words(last)}"
    elif first.year == last.year:
        days = f"{first.day} {first:%B} to {day_in_words(last)}"
    else:
        days = f"{day_in_words(first)} to {day_in_words(last)}"
    end = period.end.astimezone(period.zone)
    return days if end.time() == time() else f"{days} (until {end:%H:%M})"


def day_in_words(day: date) -> str:
    """Such as `22 November 2026`."""
    return f"{day.day} {day:%B %Y}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
