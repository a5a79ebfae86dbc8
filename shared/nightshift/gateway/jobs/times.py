"""When a job is to run: `?delay=90s` or `?at=2026-07-25T06:00:00Z`."""

import re
from datetime import UTC, datetime, timedelta

from starlette.datastructures import QueryParams

from nightshift.gateway.problems import Problem
from nightshift.messaging import outbound

_DELAY = re.compile(r"([0-9]{1,12})(ms|s|m|h|d|w)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MICROSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")


def runs_at(query: QueryParams, now: datetime) -> datetime | None:
    """Return when the job is to run; None for now.

    Raises:
        Problem: `invalid-time`.
    """
    delays, instants = query.getlist("delay"), query.getlist("at")
    if len(delays) + len(instants) > 1:
        raise Problem("invalid-time", "Give either delay or at, once.")
    if delays:
        return outbound.due(now, _delay(delays[0]))
    return _instant(instants[0]) if instants else None


def _delay(text: str) -> timedelta:
    match = _DELAY.fullmatch(text)
    if match is None:
        raise Problem("invalid-time", "delay: expected a whole number with ms, s, m, h, d or w, such as 90s or 12h.")
    try:
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    except OverflowError:
        return timedelta.max


def _instant(text: str) -> datetime:
    text = text.replace(" ", "+")  # what a form's encoding makes of a plus sign
    try:
        if _INSTANT.fullmatch(text):
            at = datetime.fromisoformat(_MICROSECONDS.sub(r"\1", text).upper()).astimezone(UTC)
            return min(max(at, outbound.EARLIEST), outbound.LATEST)
    except (ValueError, OverflowError):
        pass
    raise Problem("invalid-time", "at: expected an instant of RFC 3339 with its zone, such as 2026-07-25T06:00:00Z.")
