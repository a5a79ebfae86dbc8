"""The text of an API key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.gateway.auth.key_text import digest_of, id_in, make_key


def test_a_key_says_what_it_is() -> None:
    """Prefix, environment, id, secret and checksum, so that secret scanners and people recognise it."""
    key = make_key("live")
    begin, environment, key_id, secret, checksum = key.text.split("_")
    assert (begin, environment, key_id) == ("ns", "live", key.key_id)
    assert [len(part) for part in (key_id, secret, checksum)] == [8, 32, 6]
    assert key.digest == digest_of(key.text)
    assert secret not in key.digest


def test_no_two_keys_are_alike() -> None:
    """They are random."""
    assert len({make_key("live").text for _ in range(100)}) == 100


def test_the_id_of_a_key_is_found_in_it() -> None:
    """And nothing is asked of the database for less."""
    key = make_key("test")
    assert id_in(key.text) == key.key_id


@given(position=st.integers(0, 55), character=st.characters())
def test_a_mistyped_key_is_none(position: int, character: str) -> None:
    """The checksum finds any one wrong character."""
    text = make_key("live").text
    changed = text[:position] + character + text[position + 1 :]
    assert changed == text or id_in(changed) is None


@given(text=st.text())
def test_any_text_is_a_key_or_none(text: str) -> None:
    """Without an exception."""
    assert id_in(text) is None


@pytest.mark.parametrize("cut", range(0, 56, 7))
def test_a_key_that_was_cut_short_is_none(cut: int) -> None:
    """As by a selection with the mouse."""
    assert id_in(make_key("live").text[:cut]) is None


@pytest.mark.parametrize("environment", ["", "Live", "a_b", "x" * 17, "é"])
def test_an_environment_is_a_short_word(environment: str) -> None:
    """It stands between underscores."""
    with pytest.raises(ValueError, match="no environment"):
        make_key(environment)
