"""Write a report as one HTML page that loads nothing: no script, no font, no image."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.report.rendering.chart import AXIS_WIDTH, BOTTOM, HEIGHT, draw, has_values
from services.report.rendering.document import Column, Document, Table, Tile
from services.report.rendering.formatting import Value, shown
from services.report.rendering.templates import render


@dataclass(slots=True, frozen=True)
class _Heading:
    """A column's heading; `below` are the headings of the values that its cells show in small print."""

    label: str
    below: Sequence[str]
    css_class: str
    has_bar: bool


@dataclass(slots=True, frozen=True)
class _Cell:
    """A cell; `bar` is the width of its bar, empty where the column has none."""

    text: str
    below: Sequence[str]
    css_class: str
    bar: str


def page(report: Document, *, application: str, report_id: str, zone: str) -> str:
    """Return the whole page; the same report gives the same page, so it says nothing about when it was made."""
    return render(
        "page.html",
        report=report,
        application=application,
        report_id=report_id,
        zone=zone,
        is_table=lambda part: isinstance(part, Table),
        headings=_headings,
        rows=_rows,
        has_values=has_values,
        draw=lambda chart: draw(chart, report.compared_with),
        trend=trend,
        geometry={"axis_width": AXIS_WIDTH, "bottom": BOTTOM, "height": HEIGHT},
    )


def trend(tile: Tile) -> str:
    """Return how to colour a tile's change: `good`, `bad` or not at all; its sign says the same in text."""
    difference = (tile.value or 0) - (tile.before or 0)
    if tile.better == "neither" or difference == 0:
        return ""
    return "good" if (difference > 0) is (tile.better == "more") else "bad"


def _headings(table: Table) -> list[_Heading]:
    below = [column.label for column in table.columns if column.below]
    return [
        _Heading(column.label, () if number else below, _alignment(table, number), column.bar)
        for number, column in _side_by_side(table)
    ]


def _rows(table: Table) -> list[list[_Cell]]:
    highest = [_highest(table, number) for number in range(len(table.columns))]
    return [_row(table, row, highest) for row in table.rows]


def _row(table: Table, row: Sequence[Value], highest: Sequence[int]) -> list[_Cell]:
    below = [shown(value) for column, value in zip(table.columns, row, strict=True) if column.below]
    return [
        _Cell(
            shown(row[number], column.unit),
            () if number else below,
            _alignment(table, number),
            _bar_width(row[number], highest[number]) if column.bar else "",
        )
        for number, column in _side_by_side(table)
    ]


def _side_by_side(table: Table) -> list[tuple[int, Column]]:
    return [(number, column) for number, column in enumerate(table.columns) if not column.below]


def _bar_width(value: Value, highest: int) -> str:
    return f"{100 * value / highest:.1f}%" if isinstance(value, int) and highest else "0"


def _alignment(table: Table, number: int) -> str:
    """Right-align columns of numbers, shares and instants."""
    values = [row[number] for row in table.rows]
    is_text = number == 0 or any(isinstance(value, str) and not value.endswith("%") for value in values)
    return "" if is_text else "number"


def _highest(table: Table, number: int) -> int:
    return max((value for row in table.rows if isinstance(value := row[number], int)), default=0)
