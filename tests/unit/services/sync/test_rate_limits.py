"""The arithmetic of waiting."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.retry_after import LONGEST, SHORTEST
from services.sync.http.rate_limits import growing_delay, until_reset

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


def test_the_reset_is_meant_by_the_servers_clock() -> None:
    """Ours may be wrong by an hour: what counts is `Date` in the same answer. A second more, for its fractions."""
    headers = {"x-ratelimit-reset": str(EPOCH + 600), "date": format_datetime(NOW, usegmt=True)}
    assert until_reset(headers, NOW + timedelta(hours=1)) == timedelta(seconds=601)
    del headers["date"]
    assert until_reset(headers, NOW) == timedelta(seconds=601)


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "²"])
def test_a_reset_that_is_no_number_says_nothing(value: str) -> None:
    """Then the answer has no time."""
    assert until_reset({"x-ratelimit-reset": value}, NOW) is None


def test_refusals_in_a_row_wait_twice_as_long_each() -> None:
    """From a minute up to an hour."""
    minutes = [growing_delay(refusals).total_seconds() / 60 for refusals in range(8)]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]
    assert growing_delay(10**9) == timedelta(hours=1)


@given(st.text(), st.text())
def test_no_header_is_too_strange(reset: str, date: str) -> None:
    """Whatever a server writes there: a wait within bounds, or none."""
    wait = until_reset({"x-ratelimit-reset": reset, "date": date}, NOW)
    assert wait is None or SHORTEST <= wait <= LONGEST


@given(st.integers(min_value=0, max_value=10**12))
def test_the_wait_reaches_the_reset(reset: int) -> None:
    """Within the bounds it ends behind the reset, never before."""
    wait = until_reset({"x-ratelimit-reset": str(reset)}, NOW)
    assert wait is not None
    if SHORTEST < wait < LONGEST:
        assert (NOW + wait).timestamp() > reset
