"""How long an HTTP server wants its client to wait (RFC 9110 §10.2.3)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(days=1)
_SECONDS = re.compile(r"([0-9]{1,12})[0-9]*(\.[0-9]+)?", re.ASCII)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return what `Retry-After` says, in seconds or as a date, bounded; None if it says nothing.

    `headers` are looked up in lower case; `now` counts where the server does not tell its own time (`Date`).
    """
    value = headers.get("retry-after", "").strip()
    if match := _SECONDS.fullmatch(value):
        seconds = float(match[1] + (match[2] or ""))
        return bounded(timedelta(seconds=min(seconds, LONGEST.total_seconds())))
    moment = http_date(value)
    return None if moment is None else bounded(moment - server_time(headers, now))


def bounded(delay: timedelta) -> timedelta:
    """Return `delay`, but at least a second and at most a day: a job neither spins nor sleeps for good."""
    return min(max(delay, SHORTEST), LONGEST)


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return the time by the server's own clock, by which its dates are meant; `now` if it does not tell it."""
    return http_date(headers.get("date")) or now


def http_date(value: str | None) -> datetime | None:
    """Read an HTTP date; return None if it is none."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
