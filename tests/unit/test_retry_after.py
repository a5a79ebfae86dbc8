"""The wait that an HTTP server asks for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.retry_after import LONGEST, SHORTEST, bounded, http_date, retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("47", 47),
        (" 47 ", 47),
        ("2.5", 2.5),
        ("0", 1),
        ("999999999999999999999999", 86_400),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), 300),
        (format_datetime(NOW - timedelta(minutes=5), usegmt=True), 1),
        ("1e400", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    """RFC 9110 §10.2.3, between a second and a day; what is neither says nothing."""
    wait = retry_after({"retry-after": value}, NOW)
    assert wait == (None if seconds is None else timedelta(seconds=seconds))


def test_a_date_is_meant_by_the_servers_clock() -> None:
    """Ours may be wrong by an hour: what counts is `Date` in the same answer."""
    headers = {"retry-after": format_datetime(NOW + timedelta(minutes=5)), "date": format_datetime(NOW)}
    assert retry_after(headers, NOW + timedelta(hours=1)) == timedelta(minutes=5)


def test_an_http_date_is_aware() -> None:
    """One without a zone is taken for UTC."""
    assert http_date("Sun, 01 Mar 2026 12:00:00 GMT") == NOW
    assert http_date("Sun, 01 Mar 2026 12:00:00 -0000") == NOW
    assert http_date("Sunday") is http_date(None) is None


@given(st.text(), st.text())
def test_no_header_is_too_strange(value: str, date: str) -> None:
    """Whatever a server writes there: a wait within bounds, or none."""
    wait = retry_after({"retry-after": value, "date": date}, NOW)
    assert wait is None or SHORTEST <= wait <= LONGEST


@given(st.timedeltas())
def test_every_wait_is_within_bounds(delay: timedelta) -> None:
    """A job neither spins nor sleeps for good."""
    assert SHORTEST <= bounded(delay) <= LONGEST
