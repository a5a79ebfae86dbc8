"""A cron expression as data, and the next wall-clock time that it names.

Five fields: minute, hour, day of month, month, day of week. Six: seconds before them, as the broker's own message
schedules and most schedulers with seconds have it. Names (`mon`, `jan`), ranges, lists, steps, `L`, `W`, `#` and
`@hourly` … `@yearly` are croniter's. The two day fields go together as crontab(5) has it: where both are restricted,
either is enough; where one begins with a star, `*` or `*/2`, both must fit.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from croniter import CroniterBadDateError, croniter

from nightshift.scheduler.cron.field_sense import begins_with_star, day_fields, pointless_step

MAX_CHARACTERS = 200
_FIVE, _SIX = 5, 6
_FIELDS = ("minute", "hour", "day of month", "month", "day of week", "second")
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_HASHED_OR_RANDOM = re.compile(r"[hr](?:[(/].*)?", re.IGNORECASE)
"""Values that croniter derives from a hash or draws at random: not the same in every replica."""
_ZONE_WITHIN = re.compile(r"TZ=|[A-Za-z]{3,}/[A-Za-z]{3,}|\bUTC\b")
"""As Kubernetes, Go and Quartz have it."""
_NO_HASH = "H and R stand for values that are hashed or drawn; write the value itself"
_HOURS_A_DAY = 24
_SOME_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall-clock time
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_CANNOT_READ = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What croniter raises at a text that is no expression."""


class ExpressionError(ValueError):
    """The text is not a cron expression; names the field that is wrong."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A validated expression. croniter reads it and picks the days; the times of a day are looked up here."""

    text: str
    """As written, with single spaces: two texts are one expression when they are equal."""
    days: str
    """Day of month, month, day of week."""
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]

    @property
    def every_hour(self) -> bool:
        """Return whether it restricts no hour: a rhythm (`*/15 * * * *`) and not a time of day (`30 2 * * *`)."""
        return len(self.hours) == _HOURS_A_DAY

    def next_after(self, wall: datetime) -> datetime | None:
        """Return the first wall-clock time (naive) later than `wall` that it names; None when there is none."""
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
        """Return the first time of day, from this one on, that it names."""
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
    """Read a cron expression.

    Raises:
        ExpressionError: names the field that is wrong, or says that the expression never comes due.
    """
    fields = re.findall(r"\S+", text, re.ASCII)
    text = " ".join(fields)
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"it has {len(text)} characters, at most {MAX_CHARACTERS} are read")
    if text.startswith("@"):
        fields = _nickname(text).split()
    if _ZONE_WITHIN.search(text):
        raise ExpressionError("a time zone stands beside the expression and not in it: time_zone")
    if len(fields) not in (_FIVE, _SIX):
        raise ExpressionError(
            f"it has {len(fields)} fields, expected five (minute, hour, day of month, month, "
            "day of week) or six (second before them)"
        )
    found = _expression(text, fields)
    names = _FIELDS[:_FIVE] if len(fields) == _FIVE else (_FIELDS[_FIVE], *_FIELDS[:_FIVE])
    problem = pointless_step(zip(names, fields, strict=True))
    day, month, weekday = fields[-3:]
    if problem is None and not begins_with_star(weekday) and _first_day(f"{day} {month} *", _SOME_DAY.date()) is None:
        problem = f"day of month '{day}' is in no month '{month}'"
    if problem is not None:
        raise ExpressionError(problem)
    if found.next_after(_SOME_DAY) is None:
        raise ExpressionError("it never comes due: there is no such day")
    return found


def _nickname(text: str) -> str:
    try:
        return _NICKNAMES[text.lower()]
    except KeyError:
        *known, last = _NICKNAMES
        raise ExpressionError(f"'{text}' is not known, expected {', '.join(known)} or {last}") from None


def _expression(text: str, fields: Sequence[str]) -> Expression:
    if any(_HASHED_OR_RANDOM.fullmatch(part) for field in fields for part in field.split(",")):
        raise ExpressionError(_NO_HASH)
    try:
        (minutes, hours, _, _, _, *seconds), _ = croniter.expand(" ".join(fields), second_at_beginning=True)
    except _CANNOT_READ as error:
        raise ExpressionError(_explain(fields, str(error))) from None
    return Expression(
        text=text,
        days=day_fields(*fields[-3:]),
        hours=_numbers(hours, _HOURS_A_DAY),
        minutes=_numbers(minutes, 60),
        seconds=_numbers(seconds[0], 60) if seconds else (0,),
    )


def _explain(fields: Sequence[str], reason: str) -> str:
    """Name the fields that are wrong each by itself; give croniter's own words where none is."""
    names = _FIELDS[:_FIVE] if len(fields) == _FIVE else (_FIELDS[_FIVE], *_FIELDS[:_FIVE])
    wrong = [
        f"{name} '{field}' is not possible"
        for place, (name, field) in enumerate(zip(names, fields, strict=True))
        if not _valid_alone(field, place, len(fields))
    ]
    return ", ".join(wrong) or reason


def _valid_alone(field: str, place: int, count: int) -> bool:
    fields = ["*"] * count
    fields[place] = field
    try:
        croniter.expand(" ".join(fields), second_at_beginning=True)
    except _CANNOT_READ:
        return False
    return True


def _numbers(values: Sequence[int | str], count: int) -> tuple[int, ...]:
    if "*" in values:
        return tuple(range(count))
    return tuple(sorted(int(value) for value in values))


@lru_cache(maxsize=16_384)
def _first_day(days: str, since: date) -> date | None:
    """Return the first day, from `since` on, that the day fields allow; cached for all schedules with the same ones."""
    if days == "* * *":
        return since
    before = datetime.combine(since, time()) - _SECOND
    try:
        found: datetime = croniter(f"0 0 {days}", before, implement_cron_bug=True).get_next(datetime)
    except CroniterBadDateError:
        return None
    return found.date()
