"""The body of a job as a text that somebody edits and sends back."""

import pytest

from nightshift.console.jobs.body import LONGEST_SHOWN, as_text


@pytest.mark.parametrize(
    "text", ["5\N{NO-BREAK SPACE}€", "👨\N{ZERO WIDTH JOINER}👩", "\N{IDEOGRAPHIC SPACE}日本", r"a\u0001b"]
)
def test_a_text_of_any_language_comes_back_as_it_was(text: str) -> None:
    """What a page can carry need not be hidden from who edits it."""
    assert as_text(f'{{"text":"{text}"}}'.encode()) == f'{{\n  "text": "{text}"\n}}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"password":"hunter22"}',
        b'{"text":"\x7f"}',
        b"\x00",
        b"\xff",
        b'"' + b"x" * LONGEST_SHOWN + b'"',
    ],
)
def test_what_would_not_come_back_whole_is_not_edited(body: bytes) -> None:
    """A secret that stays hidden, characters that no page carries, no text, or too much of it."""
    assert as_text(body) is None
