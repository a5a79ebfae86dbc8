"""What the fields of a cron expression mean together, and which can be read but not meant."""

import re
from collections.abc import Iterable

_STARS = ("*", "?")
_STEP = re.compile(r"(?:\*|(?P<start>[0-9]{1,4})-(?P<end>[0-9]{1,4}))/(?P<step>[0-9]{1,9})")
_SIZES = {
    "second": (60, "a minute"),
    "minute": (60, "an hour"),
    "hour": (24, "a day"),
    "day of month": (31, "a month"),
    "month": (12, "a year"),
    "day of week": (7, "a week"),
}
"""How many values a field has, and within what a step counts."""


def begins_with_star(field: str) -> bool:
    """Tell whether a field begins with a star, of either kind: `*` or `*/2`; `?` is another way to write it."""
    return field.startswith(_STARS)


def day_fields(day: str, month: str, weekday: str) -> str:
    """Return the day fields as croniter reads them: a star inside a list is no beginning, so either is enough."""
    either = not begins_with_star(day) and not begins_with_star(weekday)
    always = either and "*" in {*day.split(","), *weekday.split(",")}
    return f"* {month} *" if always else f"{day} {month} {weekday}"


def pointless_step(fields: Iterable[tuple[str, str]]) -> str | None:
    """Return what is wrong with the first field, of names and texts, whose step is longer than what it counts in."""
    for name, field in fields:
        size, period = _SIZES[name]
        if _step_of(field) > _span(field, size):
            return (
                f"{name} '{field}' would come due once {period}, as a step counts within it: write the value itself, "
                "or several schedules"
            )
    return None


def _step_of(field: str) -> int:
    found = _STEP.fullmatch(field)
    return int(found["step"]) if found else 0


def _span(field: str, size: int) -> int:
    """Return how many values a step counts through: all, or those of its range."""
    found = _STEP.fullmatch(field)
    return int(found["end"]) - int(found["start"]) + 1 if found and found["end"] else size
