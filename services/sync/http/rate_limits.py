"""How long a service wants us to wait: what its headers say, and what we do where they say nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from nightshift.retry_after import LONGEST, bounded, server_time

_FIRST = timedelta(minutes=1)
_CEILING = timedelta(hours=1)


def until_reset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long until `X-RateLimit-Reset`, in seconds since 1970; a second more, as it has no fractions."""
    value = headers.get("x-ratelimit-reset", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    seconds = int(value[:12]) + 1 - server_time(headers, now).timestamp()
    return bounded(timedelta(seconds=min(seconds, LONGEST.total_seconds())))


def growing(refusals: int) -> timedelta:
    """A minute, and twice that each time the service refuses again, up to an hour: what GitHub asks for."""
    return min(_FIRST * int(2 ** min(refusals, 10)), _CEILING)
