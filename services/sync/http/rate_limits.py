"""How long a service wants us to wait: what its headers say, and what we do where they say nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(days=1)
_FIRST = timedelta(minutes=1)
_CEILING = timedelta(hours=1)


def bounded(delay: timedelta) -> timedelta:
    """Between a second and a day: whatever a server says, a job neither spins nor sleeps for good."""
    return min(max(delay, SHORTEST), LONGEST)


def http_date(value: str | None) -> datetime | None:
    """Reads an HTTP date; None if it is none."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What `Retry-After` (RFC 9110 §10.2.3) says, in seconds or as a date; None if it says nothing."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return bounded(timedelta(seconds=min(int(value[:12]), LONGEST.total_seconds())))
    moment = http_date(value)
    return None if moment is None else bounded(moment - server_time(headers, now))


def until_reset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long until `X-RateLimit-Reset`, in seconds since 1970; a second more, as it has no fractions."""
    value = headers.get("x-ratelimit-reset", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    seconds = int(value[:12]) + 1 - server_time(headers, now).timestamp()
    return bounded(timedelta(seconds=min(seconds, LONGEST.total_seconds())))


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """The server's own clock, which its reset is meant by; ours where it does not say."""
    return http_date(headers.get("date")) or now


def growing(refusals: int) -> timedelta:
    """A minute, and twice that each time the service refuses again, up to an hour: what GitHub asks for."""
    return min(_FIRST * int(2 ** min(refusals, 10)), _CEILING)
