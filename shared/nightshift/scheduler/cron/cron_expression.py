"""A cron expression as data, and the next wall-clock time that it names.

Five fields: minute, hour, day of month, month, day of week. Six: seconds before them, as the broker's own message
schedules and most schedulers with seconds have it. Names (`mon`, `jan`), ranges, lists, steps, `L`, `W`, `#` and
`@hourly` … `@yearly` are croniter's. Where day of month and day of week are both restricted, either is enough.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from croniter import CroniterBadDateError, croniter

MAX_CHARACTERS = 200
_FIVE, _SIX = 5, 6
_FIELDS = ("minute", "hour", "day of month", "month", "day of week", "second")
_SPREAD = re.compile(r"[hr](?:[(/].*)?", re.IGNORECASE)
"""Values that croniter derives from a hash or draws at random: not the same in every replica."""
_HOURS_A_DAY = 24
_SOME_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall-clock time
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


class ExpressionError(ValueError):
    """The text is no cron expression; says which field is wrong."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A validated expression: croniter reads it and decides the days, the times of a day are looked up here."""

    text: str
    """As written, with single spaces: two texts are one expression when they are equal."""
    days: str
    """Day of month, month, day of week."""
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]

    @property
    def every_hour(self) -> bool:
        """Whether it names no hour of the day: a rhythm (`*/15 * * * *`) and not a time (`30 2 * * *`)."""
        return len(self.hours) == _HOURS_A_DAY

    def next_after(self, wall: datetime) -> datetime | None:
        """Returns the first wall-clock time (naive) that is named after `wall`; None when there is none any more."""
        moment = wall.replace(microsecond=0, fold=0) + _SECOND
        today = moment.date()
        day = _first_day(self.days, today)
        if day == today:
            clock = self._first_time(moment.hour, moment.minute, moment.second)
            if clock is not None:
                return datetime.combine(today, clock)
            day = _first_day(self.days, today + _DAY)
        if day is None:
            return None
        return datetime.combine(day, time(self.hours[0], self.minutes[0], self.seconds[0]))

    def _first_time(self, hour: int, minute: int, second: int) -> time | None:
        """The first time of day that is named, from this one on."""
        later_hour = bisect_left(self.hours, hour)
        if later_hour < len(self.hours) and self.hours[later_hour] == hour:
            later_minute = bisect_left(self.minutes, minute)
            if later_minute < len(self.minutes) and self.minutes[later_minute] == minute:
                later_second = bisect_left(self.seconds, second)
                if later_second < len(self.seconds):
                    return time(hour, minute, self.seconds[later_second])
                later_minute += 1
            if later_minute < len(self.minutes):
                return time(hour, self.minutes[later_minute], self.seconds[0])
            later_hour += 1
        if later_hour < len(self.hours):
            return time(self.hours[later_hour], self.minutes[0], self.seconds[0])
        return None


def parse(text: str) -> Expression:
    """Reads a cron expression.

    Raises:
        ExpressionError: names the field that is wrong, or says that the expression never comes due.
    """
    written = re.findall(r"\S+", text, re.ASCII)
    text = " ".join(written)
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"it has {len(text)} characters, at most {MAX_CHARACTERS} are read")
    if not text.startswith("@") and len(written) not in (_FIVE, _SIX):
        raise ExpressionError(
            f"it has {len(written)} fields, expected five (minute, hour, day of month, month, "
            "day of week) or six (second before them)"
        )
    cron = _read(text, written)
    minutes, hours, _, _, _, *rest = cron.expanded
    found = Expression(
        text=text,
        days=" ".join(cron.expressions[2:5]),
        hours=_numbers(hours, _HOURS_A_DAY),
        minutes=_numbers(minutes, 60),
        seconds=_numbers(rest[0], 60) if rest else (0,),
    )
    if found.next_after(_SOME_DAY) is None:
        raise ExpressionError("it never comes due: there is no such day")
    return found


def _read(text: str, written: list[str]) -> croniter:
    try:
        cron = croniter(text, _SOME_DAY, second_at_beginning=True)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ExpressionError(_what_is_wrong(text, written, str(error))) from None
    if any(_SPREAD.fullmatch(part) for field in cron.expressions for part in field.split(",")):
        raise ExpressionError("H and R stand for values that are hashed or drawn; write the value itself")
    return cron


def _what_is_wrong(text: str, written: list[str], reason: str) -> str:
    """Names the fields that are wrong each by itself; croniter's own words where none is."""
    if text.startswith("@"):
        return f"'{text}' is not known, expected @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually"
    if any(_SPREAD.fullmatch(field) for field in written):
        return "H and R stand for values that are hashed or drawn; write the value itself"
    names = _FIELDS[:_FIVE] if len(written) == _FIVE else (_FIELDS[_FIVE], *_FIELDS[:_FIVE])
    wrong = [
        f"{name} '{field}' is not possible"
        for place, (name, field) in enumerate(zip(names, written, strict=True))
        if not _valid_alone(field, place, len(written))
    ]
    return ", ".join(wrong) or reason


def _valid_alone(field: str, place: int, count: int) -> bool:
    fields = ["*"] * count
    fields[place] = field
    try:
        croniter.expand(" ".join(fields), second_at_beginning=True)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        return False
    return True


def _numbers(values: Sequence[int | str], count: int) -> tuple[int, ...]:
    if "*" in values:
        return tuple(range(count))
    return tuple(sorted(int(value) for value in values))


@lru_cache(maxsize=16_384)
def _first_day(days: str, since: date) -> date | None:
    """The first day that the day fields allow, from `since` on; shared by all schedules that have the same ones."""
    if days == "* * *":
        return since
    before = datetime.combine(since, time()) - _SECOND
    try:
        found: datetime = croniter(f"0 0 {days}", before).get_next(datetime)
    except CroniterBadDateError:
        return None
    return found.date()
