"""What a report consists of, before it is a page, a table or a mail: figures, charts by day, tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from services.report.rendering.formatting import Unit, Value

Rows: TypeAlias = Sequence[Sequence[Value]]
Better = Literal["more", "less", "neither"]
"""Which way of changing is good news."""


@dataclass(slots=True, frozen=True)
class Tile:
    """One figure that stands for itself. `value` None: it is not known; `note` says why, or more about it."""

    label: str
    value: int | None
    before: int | None = None
    """The same figure of the stretch before; None: there is nothing to compare with."""
    unit: Unit = "count"
    better: Better = "more"
    note: str = ""


@dataclass(slots=True, frozen=True)
class DayChart:
    """A figure of each day; `before` are the days of the stretch before, in the same order."""

    title: str
    days: Sequence[date]
    values: Sequence[int]
    before: Sequence[int] | None = None
    unit: Unit = "count"
    shape: Literal["bars", "area"] = "bars"
    empty: str = "Nothing happened in these days."


@dataclass(slots=True, frozen=True)
class Column:
    """A column of a table. On the page `bar` draws its values as bars too, and `under` puts them under the first's."""

    label: str
    unit: Unit = "count"
    bar: bool = False
    under: bool = False


@dataclass(slots=True, frozen=True)
class Table:
    """Rows under columns; `note` says what is not in it."""

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
    """A finished report: `sheet` is what the CSV file holds."""

    name: str
    """Of which kind, in words: `Weekly summary`."""
    about: str
    """Which days, in words."""
    compared_with: str
    """What `before` means, in words: `the 7 days before`."""
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    sheet: Table
