"""Points in time: aware datetimes in UTC, and their text of RFC 3339."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present; the clock that is used where none is passed in."""
    return datetime.now(UTC)


def rfc3339(at: datetime, timespec: str = "auto") -> str:
    """Format an aware datetime in UTC, as `2026-11-24T09:06:34Z`; `timespec` is `datetime.isoformat`'s."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
