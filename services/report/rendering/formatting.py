"""Format numbers for people: grouped digits, units, comparisons."""

from datetime import UTC, date, datetime
from typing import Literal

from nightshift import text

Unit = Literal["count", "bytes"]
Value = int | str | date | datetime | None
"""The value of a table cell."""

_STEP = 1000
_TEN = 10
_MULTIPLES = ("", "k", "M", "G", "T")
_THIN = "\N{NARROW NO-BREAK SPACE}"
_SPACE = "\N{NO-BREAK SPACE}"
NOTHING = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"


def amount(value: int, unit: Unit = "count") -> str:
    """Format as `12,345`, or as `3.4 MB` (decimal: 1 KB is 1,000 bytes)."""
    return size(value) if unit == "bytes" else f"{value:,}"


def rounded(value: int, unit: Unit = "count") -> str:
    """Format where there is little room, to three digits at most: `9,999`, `12.3k`, `1.23M`, `3.4 MB`."""
    if unit == "bytes" or value < _TEN * _STEP:
        return amount(value, unit)
    number, power = float(value), 0
    while number >= _STEP - 0.5 and power < len(_MULTIPLES) - 1:  # rounding would already write 1,000
        number, power = number / _STEP, power + 1
    return f"{float(f'{number:.3g}'):,g}{_MULTIPLES[power]}"


def size(value: int) -> str:
    """Format bytes with the unit that leaves one to three digits before the point."""
    return text.size(value, space=_SPACE)


def share(part: int, whole: int) -> str:
    """Format as a percentage; a share that is not zero is never shown as `0 %`."""
    if whole <= 0:
        return NOTHING
    percent = 100 * part / whole
    return f"<{_THIN}1{_THIN}%" if 0 < percent < 1 else f"{percent:.0f}{_THIN}%"


def change(value: int, before: int) -> str:
    """Format the difference from an earlier figure: `+12 %`, `unchanged`; absolute where the earlier one is zero."""
    if value == before:
        return "unchanged"
    if before == 0:
        return f"+{value:,}"
    percent = 100 * (value - before) / before
    if abs(percent) >= 10 * _STEP:
        return f"{value / before:,.0f} times as much"
    digits = f"{abs(percent):,.0f}" if abs(percent) >= _TEN else f"{max(abs(percent), 0.1):.1f}"
    return f"{'+' if percent > 0 else MINUS}{digits}{_THIN}%"


def shown(value: Value, unit: Unit = "count") -> str:
    """Format a cell: a dash for no value, instants to the minute in UTC."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return amount(value, unit) if isinstance(value, int) else value
