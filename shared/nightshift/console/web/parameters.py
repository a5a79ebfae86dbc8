"""Parameters of an address that several pages take: instants and places in a stream."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

from nightshift.cli.terminal.parse_time import parse_duration
from nightshift.console.web.refused import Refused
from nightshift.instants import utc_now

_DIGITS = 18
"""Fit into 64 bits."""


def instant(text: str) -> datetime | None:
    """Return an instant, which may also be a span before now (`1h`); None of an empty text.

    Raises:
        Refused: it is neither.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        span = _span(text)
    if span is None:
        raise Refused(400, f"{text[:40]!r} is no time: write 2026-11-28T13:00 (UTC), or 1h for an hour ago.")
    return span


def sequence(text: str) -> int:
    """Return the sequence of a message; 0 of an empty text.

    Raises:
        Refused: it is none.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Refused(400, f"{text[:40]!r} is no place in a queue.")
    return int(text)


def _span(text: str) -> datetime | None:
    try:
        return utc_now() - parse_duration(text)
    except (ArgumentTypeError, OverflowError):
        return None
