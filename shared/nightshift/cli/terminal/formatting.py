"""Format values for people: instants, spans, sizes, and text from the wire that is safe for a terminal."""

from datetime import UTC, datetime, timedelta

import msgspec

from nightshift.config.redaction import redact
from nightshift.contract.job_events import JobEvent
from nightshift.text import escape_unprintable
from nightshift.text import size as size_in_words

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_TWO_UNITS = 2


def format_instant(at: datetime | None) -> str:
    """Format an instant in UTC, to the second."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def format_span(duration: timedelta | None) -> str:
    """Format a span in its two largest units: `3d 4h`, `12s`."""
    if duration is None:
        return ""
    left = max(0, int(duration.total_seconds()))
    parts = list[str]()
    for seconds, unit in _UNITS:
        count, left = divmod(left, seconds)
        if count or (parts and len(parts) < _TWO_UNITS):
            parts.append(f"{count}{unit}")
        if len(parts) == _TWO_UNITS:
            break
    return " ".join(parts) or "0s"


def format_number(value: float | None, *, digits: int = 0) -> str:
    """Format a number with thousands separators; `?` for None."""
    return "?" if value is None else f"{value:,.{digits}f}"


def format_size(count: int) -> str:
    """Format a number of bytes in binary units, as the broker's limits are."""
    return size_in_words(count, binary=True)


def plural(count: int, word: str) -> str:
    """Format a count and a word: `1 job`, `2 jobs`, `3 processes`."""
    ending = "" if count == 1 else "es" if word.endswith("s") else "s"
    return f"{count:,} {word}{ending}"


def safe(text: str) -> str:
    """Return text from elsewhere without secrets and without control characters."""
    return escape_unprintable(redact(text), keep="\n")


def brief(text: str, limit: int = 100) -> str:
    """Return the beginning of a text, on one line."""
    line = safe(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def format_result(result: object) -> str:
    """Format what a job has returned; nothing where it has returned nothing."""
    return "" if result is None else brief(msgspec.json.encode(result).decode(), 200)


def format_turn(event: JobEvent) -> str:
    """Format what has happened to a job: `done`, `progress 40%`."""
    return event.what if event.fraction is msgspec.UNSET else f"{event.what} {event.fraction:.0%}"


def format_said(event: JobEvent) -> str:
    """Format what an event says of a job: what it is doing, or failed with."""
    return "  ".join(brief(text, 80) for text in (event.note, event.error) if text is not msgspec.UNSET)


def format_attempts(number: int | None, most: int | None) -> str:
    """Format which attempt of how many: `3 of 12`; a process may be set to more than the contract says."""
    if not number:
        return ""
    return str(number) if most is None or number > most else f"{number} of {most}"
