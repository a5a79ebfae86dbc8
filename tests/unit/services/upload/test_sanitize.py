"""Text from inside a file is fit to be stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.upload.sanitize import MAX_CHARACTERS, clean


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Canon\x00\x00", "Canon"),
        ("a\nb\tc", "a b c"),
        ("\u202eevil", "evil"),
        ("half \ud800 a character", "half a character"),
        (17, "17"),
        ("x" * 5000, "x" * MAX_CHARACTERS),
    ],
)
def test_control_characters_and_lengths_are_taken_away(text: object, cleaned: str) -> None:
    """Zero bytes, line breaks, direction marks, half characters and endless strings."""
    assert clean(text) == cleaned


@given(st.text(alphabet=st.characters()))
def test_cleaned_text_can_be_stored(text: str) -> None:
    """It is UTF-8, of one line, bounded, and without what PostgreSQL refuses."""
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert len(cleaned) <= MAX_CHARACTERS
    assert cleaned.isprintable()
