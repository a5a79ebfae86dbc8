"""Points in time and their text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from nightshift.instants import rfc3339, utc_now


@pytest.mark.parametrize(
    ("timespec", "text"),
    [
        ("auto", "2026-11-24T08:06:34.125000Z"),
        ("milliseconds", "2026-11-24T08:06:34.125Z"),
        ("seconds", "2026-11-24T08:06:34Z"),
    ],
)
def test_an_instant_is_written_in_utc(timespec: str, text: str) -> None:
    """RFC 3339 with `Z`, whatever its own zone."""
    at = datetime(2026, 11, 24, 9, 6, 34, 125_000, tzinfo=timezone(timedelta(hours=1)))
    assert rfc3339(at, timespec) == text


def test_the_present_is_aware() -> None:
    """In UTC."""
    assert utc_now().tzinfo is UTC
