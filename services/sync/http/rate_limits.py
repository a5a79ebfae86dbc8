"""How long to wait before the next request where `Retry-After` does not say it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from nightshift.retry_after import LONGEST, bounded, server_time

_FIRST_DELAY = timedelta(minutes=1)
_MAX_OWN_DELAY = timedelta(hours=1)


def until_reset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the time until `X-RateLimit-Reset` (seconds since 1970), plus one second, as it has no fractions."""
    value = headers.get("x-ratelimit-reset", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    seconds = int(value[:12]) + 1 - server_time(headers, now).timestamp()
    return bounded(timedelta(seconds=min(seconds, LONGEST.total_seconds())))


def growing_delay(refusals: int) -> timedelta:
    """Return a minute, doubled with each consecutive refusal, up to an hour, as GitHub asks for."""
    return min(_FIRST_DELAY * int(2 ** min(refusals, 10)), _MAX_OWN_DELAY)
