"""Text for people, and text of strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.text import closest, did_you_mean, escape_surrogates, escape_unprintable, size, storable


@pytest.mark.parametrize(
    ("word", "match"), [("emial", "email"), ("EMAIL", "email"), ("europe/berlim", "Europe/Berlin"), ("xyzzy", None)]
)
def test_the_closest_word_is_found_whatever_its_case(word: str, match: str | None) -> None:
    """It is returned as it is spelled among the known ones."""
    assert closest(word, ["email", "upload", "Europe/Berlin"]) == match


def test_a_suggestion_is_a_clause_or_nothing() -> None:
    """It follows the sentence that says what is wrong."""
    assert did_you_mean("emial", {"email": 1}) == "; did you mean email?"
    assert did_you_mean("xyzzy", {"email": 1}) == ""


@pytest.mark.parametrize(
    ("count", "decimal", "binary"),
    [
        (0, "0 bytes", "0 bytes"),
        (1, "1 byte", "1 byte"),
        (999, "999 bytes", "999 bytes"),
        (1_000, "1.0 KB", "1,000 bytes"),
        (1_536, "1.5 KB", "1.5 KiB"),
        (9_949, "9.9 KB", "9.7 KiB"),
        (999_500, "1.0 MB", "976 KiB"),
        (1024**3, "1.1 GB", "1.0 GiB"),
        (12 * 1024**3, "13 GB", "12 GiB"),
        (5 * 1000**6, "5,000 PB", "4,441 PiB"),
    ],
)
def test_a_size_has_the_unit_that_leaves_few_digits(count: int, decimal: str, binary: str) -> None:
    """Never 1,000 (or 1,024) of a unit that has a next; KiB where it is 1,024 bytes."""
    assert size(count) == decimal
    assert size(count, binary=True) == binary


def test_what_a_terminal_would_obey_is_escaped() -> None:
    """Control characters, marks that turn the direction of text, bytes that were not UTF-8."""
    assert escape_unprintable("naïve\x1b[2Jb\u202ec\r\udcff") == "naïve\\x1b[2Jb\\u202ec\\r\\udcff"
    assert escape_unprintable("a\nb\t", keep="\n") == "a\nb\\t"


@given(st.text(st.characters()))
def test_any_text_can_be_shown_encoded_and_stored(text: str) -> None:
    """Whatever a stranger typed."""
    assert escape_unprintable(text).isprintable()
    escape_surrogates(text).encode()
    assert "\0" not in storable(text).encode().decode()


def test_surrogates_become_escapes_or_question_marks() -> None:
    """An escape where a person looks for the cause; a mark where a database keeps it."""
    assert escape_surrogates("é\udcff") == "é\\udcff"
    assert storable("é\udcff\0!") == "é?!"
