"""Tables for people: as wide as the terminal at most, and no value in them broken, so that each can be copied."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nightshift.cli.terminal.formatting import safe

_GAP = 2
_LEAST_WORDS = 20
"""Characters that a column of words needs to be read."""
STYLES = {
    "ok": "green",
    "done": "green",
    "warning": "yellow",
    "retrying": "yellow",
    "paused": "yellow",
    "wrong": "bold red",
    "dead": "bold red",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, and the text of a row's cell. `style` returns the cell's key in STYLES."""

    head: str
    cell: Callable[[Any], str]
    right: bool = False
    style: Callable[[Any], str] | None = None
    words: bool = False
    """Whether it holds sentences, which may go on in the next line."""
    spare: int = 0
    """Where room is short, the columns with the highest number are left out; 0: never."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """A column with its cells."""

    column: Column
    cells: Sequence[Text]

    @property
    def width(self) -> int:
        """The room that it needs."""
        widest = max([cell_len(self.column.head), *(_width(cell) for cell in self.cells)])
        return min(widest, max(_LEAST_WORDS, cell_len(self.column.head))) if self.column.words else widest

    @property
    def says_something(self) -> bool:
        """Whether any of its cells has a text."""
        return any(self.cells)


def table(rows: Sequence[Any], columns: Sequence[Column], *, width: int, title: str = "") -> RenderableType:
    """Return rows as a table without frames, so that it can be copied, and cut by other programs.

    In less room than it needs, sentences are wrapped, and columns are left out: those without any text, then those
    that can be spared, which is said below. Where even that is too wide, each row is a paragraph, a line for a column.
    """
    filled = [one for one in _fill(rows, columns) if one.column.head or one.says_something]
    if _total(filled) > width:
        filled = [one for one in filled if one.says_something]
    shown = list(filled)
    while _total(shown) > width and any(one.column.spare for one in shown):
        shown.remove(max(shown, key=lambda one: one.column.spare))
    if _total(shown) > width:
        return _paragraphs(filled, len(rows), title)
    made = _grid(shown, title)
    missing = ", ".join(one.column.head for one in filled if one not in shown)
    return Group(made, Text(f"(no room for {missing})", style="dim", overflow="fold")) if missing else made


def cell_text(column: Column, row: Any) -> Text:
    """Return a cell in its colour."""
    style = STYLES.get(column.style(row), "") if column.style else ""
    return Text(safe(column.cell(row)), style=style)


def _fill(rows: Sequence[Any], columns: Sequence[Column]) -> list[_Filled]:
    return [_Filled(column, [cell_text(column, row) for row in rows]) for column in columns]


def _width(cell: Text) -> int:
    return max(map(cell_len, cell.plain.splitlines()), default=0)


def _total(filled: Sequence[_Filled]) -> int:
    return sum(one.width for one in filled) + _GAP * max(0, len(filled) - 1)


def _grid(filled: Sequence[_Filled], title: str) -> Table:
    made = Table(
        title=title or None,
        box=None,
        pad_edge=False,
        title_justify="left",
        header_style="bold",
        padding=(0, _GAP, 0, 0),
    )
    for one in filled:
        made.add_column(
            one.column.head,
            justify="right" if one.column.right else "left",
            no_wrap=not one.column.words,
            overflow="fold",
        )
    for cells in zip(*(one.cells for one in filled), strict=True):
        made.add_row(*cells)
    return made


def _paragraphs(filled: Sequence[_Filled], count: int, title: str) -> RenderableType:
    heads = max(cell_len(one.column.head) for one in filled)
    lines = [Text(title, style="italic")] if title else []
    for number in range(count):
        lines += [*([Text("")] if number else []), *_paragraph(filled, number, heads)]
    for line in lines:
        line.no_wrap, line.overflow = True, "ignore"
    return Group(*lines)


def _paragraph(filled: Sequence[_Filled], number: int, heads: int) -> Iterator[Text]:
    for one in filled:
        if one.cells[number]:
            yield Text.assemble((one.column.head.ljust(heads), "bold"), "  ", one.cells[number])
