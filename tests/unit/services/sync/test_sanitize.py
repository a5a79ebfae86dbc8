"""Making strangers' text fit to be kept."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.connector import Validators
from services.sync.http import sanitize


@given(st.text(alphabet=st.characters()) | st.text(alphabet=st.sampled_from("\0\ud800a")))
def test_clean_text_is_what_every_database_takes(value: str) -> None:
    """No NUL, nothing that has no encoding, no longer than it may be."""
    cleaned = sanitize.clean(value, 10)
    assert "\0" not in cleaned
    assert len(cleaned) <= 10
    cleaned.encode()


@given(st.text())
def test_an_id_fits_into_a_key(value: str) -> None:
    """And two that differ stay two."""
    assert len(sanitize.external_id(value * 20)) <= 300
    assert sanitize.external_id("x" * 301 + value) != sanitize.external_id("y" * 301 + value)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("Sun, 01 Mar 2026 12:00:00 GMT", "2026-03-01T12:00:00Z"),
        ("Sun, 01 Mar 2026 12:00:00 -0500", "2026-03-01T17:00:00Z"),
        ("1 Mar 26 12:00 EST", "2026-03-01T17:00:00Z"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z"),
        ("2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.500000Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("yesterday", None),
        ("", None),
        ("9999-12-31T23:59:59-12:00", None),
        (None, None),
    ],
)
def test_dates_have_one_form(written: str | None, instant: str | None) -> None:
    """RFC 822 and RFC 3339, whatever the zone; what is no date is none."""
    assert sanitize.instant(written) == instant


@given(st.text() | st.datetimes().map(str))
def test_no_date_is_too_strange(written: str) -> None:
    """An instant that can be read again, or None."""
    instant = sanitize.instant(written)
    assert instant is None or datetime.fromisoformat(instant).utcoffset() is not None


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("https://x.example/a", "https://x.example/a"),
        ("/a", "https://blog.example/a"),
        (" a ", "https://blog.example/feed/a"),
        ("javascript:alert(1)", None),
        ("JavaScript:alert(1)", None),
        ("data:text/html,x", None),
        ("http://[", None),
        ("/" + "x" * 3000, None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_one_of_the_web(value: str | None, address: str | None) -> None:
    """Absolute, and nothing that a browser would run."""
    assert sanitize.web_address(value, "https://blog.example/feed/") == address


@given(st.text(), st.text())
def test_validators_can_be_sent_back(etag: str, modified: str) -> None:
    """What could not stand in a header counts as not there."""
    headers = Validators.from_headers({"etag": etag, "last-modified": modified}).conditions()
    assert all(value.isascii() and value.isprintable() and len(value) <= 512 for value in headers.values())
