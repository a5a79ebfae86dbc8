"""What a person may type for a span or an instant."""

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from nightshift.cli.terminal import formatting, parse_time


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1d12h30m", timedelta(days=1, hours=12, minutes=30)),
        ("1.5h", timedelta(minutes=90)),
        ("2w", timedelta(weeks=2)),
        ("250ms", timedelta(milliseconds=250)),
    ],
)
def test_a_span_is_read(text: str, span: timedelta) -> None:
    """Numbers with units, one behind the other."""
    assert parse_time.parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "12", "h", "12 h", "-5m", "soon", "1y", "9" * 400 + "w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """In words that show a right one, or say that it is too long."""
    with pytest.raises(argparse.ArgumentTypeError):
        parse_time.parse_duration(text)


def test_an_instant_has_a_zone() -> None:
    """Z or an offset; without one nobody knows whose clock is meant."""
    assert parse_time.parse_instant("2026-07-25T08:00+02:00") == datetime(2026, 7, 25, 6, tzinfo=UTC)
    with pytest.raises(argparse.ArgumentTypeError, match="no time zone"):
        parse_time.parse_instant("2026-07-25T08:00")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59.9, "59s"), (3600, "1h 0m"), (90_061, "1d 1h"), (-5, "0s"), (86_400 * 400, "400d 0h")],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    """A negative one, of clocks that differ, is none."""
    assert formatting.format_span(timedelta(seconds=seconds)) == words


def test_a_text_of_others_cannot_steer_a_terminal() -> None:
    """Control characters, and marks that turn the direction of text, are shown as escapes."""
    assert formatting.safe("a\x1b[2Jb\u202ec\rd") == "a\\x1b[2Jb\\u202ec\\rd"
    assert formatting.safe("é 日本 \n x") == "é 日本 \n x"
    assert formatting.brief("a\n  b\tc") == "a b c"
    assert formatting.brief("x" * 200, 10) == "x" * 9 + "…"
