"""Making strangers' text fit to be kept."""

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
