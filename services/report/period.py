"""The days that a report covers, and the period before them. Pure: no function reads a clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(slots=True, frozen=True)
class Day:
    """A calendar day: `start` (inclusive) to `end` (exclusive), in UTC. The last day of a period may be cut short."""

    date: date
    start: datetime
    end: datetime


@dataclass(slots=True, frozen=True)
class Period:
    """Consecutive calendar days of one time zone; never empty."""

    days: tuple[Day, ...]
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """Return the first instant of the period, in UTC."""
        return self.days[0].start

    @property
    def end(self) -> datetime:
        """Return the first instant after the period, in UTC."""
        return self.days[-1].end

    @property
    def before(self) -> "Period":
        """Return the previous period: as many days, ending at the same time of day, so that part days match."""
        earlier = self.end.astimezone(self.zone).replace(tzinfo=None) - len(self.days) * _ONE_DAY
        return days_until(earlier.replace(tzinfo=self.zone), self.zone, len(self.days))


def days_until(until: datetime, zone: ZoneInfo, count: int) -> Period:
    """Return the `count` calendar days up to `until` (aware); the day that contains or ends at `until` is the last."""
    until = until.astimezone(UTC)
    last = (until - _INSTANT).astimezone(zone).date()
    dates = [last - _ONE_DAY * back for back in reversed(range(count))]
    starts = [_midnight(each, zone) for each in dates]
    return Period(
        tuple(Day(*day) for day in zip(dates, starts, [*starts[1:], until], strict=True)),
        zone,
    )


def last_midnight(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the most recent midnight in a zone, as UTC: a report of whole days ends there."""
    return _midnight(instant.astimezone(zone).date(), zone)


def period_label(period: Period) -> str:
    """Format as `16 to 22 November 2026`; with the time if the last day is cut short."""
    first, last = period.days[0].date, period.days[-1].date
    if first == last:
        days = day_label(last)
    elif (first.year, first.month) == (last.year, last.month):
        days = f"{first.day} to {day_label(last)}"
    elif first.year == last.year:
        days = f"{first.day} {first:%B} to {day_label(last)}"
    else:
        days = f"{day_label(first)} to {day_label(last)}"
    end = period.end.astimezone(period.zone)
    return days if end.time() == time() else f"{days} (until {end:%H:%M})"


def day_label(day: date) -> str:
    """Format as `22 November 2026`."""
    return f"{day.day} {day:%B %Y}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
