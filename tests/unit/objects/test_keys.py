"""Which texts can be an object's key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.objects.keys import MAX_KEY_BYTES, check_key, is_key


@pytest.mark.parametrize("text", ["a", "claims/2026-01-09/ab12", "a b/ä?%2f.txt", "...", "写真\u30001.jpg", "a" * 1024])
def test_usual_texts_are_keys(text: str) -> None:
    """Any writing, spaces, and characters with a meaning elsewhere."""
    assert is_key(text)
    check_key(text)


@pytest.mark.parametrize(
    "text", ["", "  ", "/", "a//b", "/a", "a/", "..", "a/./b", "a\tb", "a\x7f", "\ud800", "ä" * 513]
)
def test_texts_that_stores_would_keep_differently_are_none(text: str) -> None:
    """They are refused in words that show the beginning of the text, escaped."""
    assert not is_key(text)
    with pytest.raises(ValueError, match="cannot be an object's key"):
        check_key(text)


@given(st.text())
def test_a_key_is_always_sound(text: str) -> None:
    """No text is taken for a key that a path or a header could not carry, and none raises anything else."""
    if is_key(text):
        assert 0 < len(text.encode()) <= MAX_KEY_BYTES
        assert not {"", ".", ".."} & set(text.split("/"))
        assert "\n" not in text
        assert "\r" not in text
        assert "\0" not in text
