"""A report's content, before it is rendered as a page, a CSV file or a mail: tiles, charts by day, tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from services.report.rendering.formatting import Unit, Value

Rows: TypeAlias = Sequence[Sequence[Value]]
Better = Literal["more", "less", "neither"]
"""Which direction of change is good news."""


@dataclass(slots=True, frozen=True)
class Tile:
    """A single figure. `value` is None where it is unknown; `note` says why, or adds a detail."""

    label: str
    value: int | None
    before: int | None = None
    """The same figure of the previous period; None if there is nothing to compare with."""
    unit: Unit = "count"
    better: Better = "more"
    note: str = ""


@dataclass(slots=True, frozen=True)
class DayChart:
    """A figure by day; `before` holds the days of the previous period, in the same order."""

    title: str
    days: Sequence[date]
    values: Sequence[int]
    before: Sequence[int] | None = None
    unit: Unit = "count"
    shape: Literal["bars", "area"] = "bars"
    empty: str = "Nothing happened in these days."


@dataclass(slots=True, frozen=True)
class Column:
    """A column of a table. On the page, `bar` adds a bar beside each value, `below` moves it into the first column."""

    label: str
    unit: Unit = "count"
    bar: bool = False
    below: bool = False


@dataclass(slots=True, frozen=True)
class Table:
    """Rows and columns; `note` says what was left out."""

    title: str
    columns: Sequence[Column]
    rows: Rows
    note: str = ""
    empty: str = "There is nothing to show."


@dataclass(slots=True, frozen=True)
class Section:
    """A part of the page with its own heading."""

    title: str
    parts: Sequence[DayChart | Table]
    text: str = ""


@dataclass(slots=True, frozen=True)
class Document:
    """A finished report; `sheet` becomes the CSV file."""

    name: str
    """The kind of report: `Weekly summary`."""
    about: str
    """The period, in words."""
    compared_with: str
    """The previous period, in words: `the 7 days before`."""
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    sheet: Table
