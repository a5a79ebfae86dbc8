"""Parse spans and instants as a person types them: `12h`, `1d12h30m`, `2026-07-25T06:00Z`."""

import argparse
import re
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|w|d|h|m|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|w|d|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> timedelta:
    """Parse a span such as `90s`, `12h`, `1d12h`.

    Raises:
        argparse.ArgumentTypeError: it is not one; the text says what is expected.
    """
    if text.startswith("-") and _SPAN.fullmatch(text[1:]):
        raise argparse.ArgumentTypeError(f"{text!r} is negative; expected a span such as {text[1:]}")
    if not _SPAN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a span of time; expected one like 90s, 15m, 12h or 1d12h")
    try:
        return timedelta(seconds=sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(text)))
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text!r} is too long") from None


def parse_some_time(text: str) -> timedelta:
    """Parse a span that is longer than nothing.

    Raises:
        argparse.ArgumentTypeError: it is not one; the text says what is expected.
    """
    span = parse_duration(text)
    if not span:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all; expected one like 90s, 15m, 12h or 1d12h")
    return span


def parse_instant(text: str) -> datetime:
    """Parse an instant of RFC 3339 with its zone, such as `2026-07-25T06:00:00Z` or `2026-07-25T08:00+02:00`.

    Raises:
        argparse.ArgumentTypeError: it is not one; the text says what is expected.
    """
    try:
        at = datetime.fromisoformat(text)
        at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an instant; expected one like 2026-07-25T06:00:00Z or 2026-07-25T08:00+02:00"
        ) from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone; add Z for UTC, or an offset such as +02:00")
    return at
