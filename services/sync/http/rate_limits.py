"""How long to wait before the next request: as the service's headers say, or with a growing delay of our own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MIN_DELAY = timedelta(seconds=1)
MAX_DELAY = timedelta(days=1)
_FIRST_DELAY = timedelta(minutes=1)
_MAX_OWN_DELAY = timedelta(hours=1)


def bounded(delay: timedelta) -> timedelta:
    """Limit a delay to between a second and a day, whatever the server says."""
    return min(max(delay, MIN_DELAY), MAX_DELAY)


def http_date(value: str | None) -> datetime | None:
    """Parse an HTTP date; return None if it is not one."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Parse `Retry-After` (RFC 9110 §10.2.3), seconds or a date; return None if there is none."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return bounded(timedelta(seconds=min(int(value[:12]), MAX_DELAY.total_seconds())))
    moment = http_date(value)
    return None if moment is None else bounded(moment - server_time(headers, now))


def until_reset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the time until `X-RateLimit-Reset` (seconds since 1970), plus one second, as it has no fractions."""
    value = headers.get("x-ratelimit-reset", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    seconds = int(value[:12]) + 1 - server_time(headers, now).timestamp()
    return bounded(timedelta(seconds=min(seconds, MAX_DELAY.total_seconds())))


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return the server's own time, by which its reset is meant; ours if it sends none."""
    return http_date(headers.get("date")) or now


def growing_delay(refusals: int) -> timedelta:
    """Return a minute, doubled with each consecutive refusal, up to an hour, as GitHub asks for."""
    return min(_FIRST_DELAY * int(2 ** min(refusals, 10)), _MAX_OWN_DELAY)
