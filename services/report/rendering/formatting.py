"""Numbers as people read them: grouped, with units, and compared."""

from datetime import UTC, date, datetime
from typing import Literal

from nightshift import text

Unit = Literal["count", "bytes"]
Value = int | str | date | datetime | None
"""What stands in a cell of a table."""

_STEP = 1000
_TEN = 10
_THIN = "\N{NARROW NO-BREAK SPACE}"
_SPACE = "\N{NO-BREAK SPACE}"
NOTHING = "\N{EM DASH}"


def amount(value: int, unit: Unit = "count") -> str:
    """`12,345`, or `3.4 MB` (decimal: a thousand bytes are 1 KB)."""
    return size(value) if unit == "bytes" else f"{value:,}"


def size(value: int) -> str:
    """Bytes with the unit that leaves one to three digits before the point."""
    return text.size(value, space=_SPACE)


def share(part: int, whole: int) -> str:
    """`12 %` of the whole; what is there never shows as nothing."""
    if whole <= 0:
        return NOTHING
    percent = 100 * part / whole
    return f"<{_THIN}1{_THIN}%" if 0 < percent < 1 else f"{percent:.0f}{_THIN}%"


def change(value: int, before: int) -> str:
    """How a figure compares with an earlier one: `+12 %`, `unchanged`; in absolute numbers where there was nothing."""
    if value == before:
        return "unchanged"
    if before == 0:
        return f"+{value:,}"
    percent = 100 * (value - before) / before
    if abs(percent) >= 10 * _STEP:
        return f"{value / before:,.0f} times as much"
    digits = f"{abs(percent):,.0f}" if abs(percent) >= _TEN else f"{max(abs(percent), 0.1):.1f}"
    return f"{'+' if percent > 0 else MINUS}{digits}{_THIN}%"


MINUS = "\N{MINUS SIGN}"


def shown(value: Value, unit: Unit = "count") -> str:
    """A cell's value as text: a dash where there is none, instants to the minute in UTC."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return amount(value, unit) if isinstance(value, int) else value
