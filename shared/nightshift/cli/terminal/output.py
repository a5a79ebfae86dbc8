"""The output of a command: tables for people, JSON for programs, notes and questions on standard error."""

import sys
import textwrap
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO

import msgspec
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.cli.terminal.formatting import safe
from nightshift.cli.terminal.table import Column, table

_WIDE = 10_000
"""Without a terminal, a table is as wide as it has to be: programs want whole values."""
_FEW = 100
"""Rows that are printed together where there may be very many."""


class Output:
    """Where a command prints. With `as_json`, standard output holds one JSON value and nothing else."""

    def __init__(
        self, *, as_json: bool, yes: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json, self.yes = as_json, yes
        self.out = _console(out or sys.stdout)
        self.err = _console(err or sys.stderr)

    @property
    def width(self) -> int:
        """The characters in a line."""
        return self.out.width

    def json(self, value: Any) -> None:
        """Write one value as indented JSON."""
        self.out.file.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
        self.out.file.flush()

    def json_line(self, value: Any) -> None:
        """Write one value as a line of JSON, for programs; nothing for people."""
        if self.as_json:
            self.out.file.write(msgspec.json.encode(value).decode() + "\n")
            self.out.file.flush()

    async def json_list(self, values: AsyncIterator[Any]) -> int:
        """Write a list as indented JSON, each value as soon as it is read; return how many there were."""
        separator, count = "[\n", 0
        async for value in values:
            count += 1
            text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
            self.out.file.write(separator + textwrap.indent(text, "  "))
            separator = ",\n"
        self.out.file.write("\n]\n" if count else "[]\n")
        self.out.file.flush()
        return count

    def rows(self, rows: Sequence[Any], columns: Sequence[Column], *, none: str, title: str = "") -> None:
        """Print rows as a table or a JSON list; `none` is what a person reads if there are none."""
        if self.as_json:
            self.json(rows)
        elif rows:
            self.show(table(rows, columns, width=self.width, title=title))
        else:
            self.line(none)

    async def stream(self, rows: AsyncIterator[Any], columns: Sequence[Column], *, none: str) -> None:
        """Print rows as a table or a JSON list, a few at a time as they are read: all may not fit into memory.

        A column is as wide as its widest cell so far.
        """
        if self.as_json:
            await self.json_list(rows)
            return
        few, widths, shown = list[list[str]](), [len(column.head) for column in columns], False
        async for row in rows:
            few.append([safe(column.cell(row)) for column in columns])
            if len(few) == _FEW:
                self._lines(few, columns, widths, head=not shown)
                few, shown = [], True
        self._lines(few, columns, widths, head=not shown)
        if not (few or shown):
            self.line(none)

    def _lines(
        self, rows: Sequence[Sequence[str]], columns: Sequence[Column], widths: list[int], *, head: bool
    ) -> None:
        if not rows:
            return
        widths[:] = [max(width, *map(len, cells)) for width, cells in zip(widths, zip(*rows, strict=True), strict=True)]
        for cells in ([column.head for column in columns], *rows) if head else rows:
            padded = (
                cell.rjust(width) if column.right else cell.ljust(width)
                for cell, width, column in zip(cells, widths, columns, strict=True)
            )
            self.out.file.write("  ".join(padded).rstrip() + "\n")
        self.out.file.flush()

    def show(self, renderable: RenderableType) -> None:
        """Print tables; without a terminal, no line ends in blanks."""
        if self.out.is_terminal:
            self.out.print(renderable, crop=False)
            return
        with self.out.capture() as captured:
            self.out.print(renderable)
        self.out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print names and values, one pair a line, for people."""
        width = max(map(len, facts), default=0)
        for name, value in facts.items():
            self.line(f"{name.ljust(width)}  {value}")

    def line(self, text: str, style: str = "") -> None:
        """Print one line for people; nothing with `as_json`."""
        if not self.as_json:
            self.out.print(Text(safe(text), style=style), soft_wrap=True)

    def note(self, text: str, style: str = "") -> None:
        """Print one line on standard error."""
        self.err.print(Text(safe(text), style=style), soft_wrap=True)

    def error(self, text: str, code: int) -> None:
        """Print why the command ends; as JSON for programs."""
        if self.as_json:
            self.err.file.write(msgspec.json.encode({"error": safe(text), "exitCode": code}).decode() + "\n")
        else:
            self.note(text, "red")

    def confirm(self, question: str) -> bool:
        """Ask before something is destroyed.

        Raises:
            UsageError: nobody can answer, and `--yes` was not given.
        """
        if self.yes:
            return True
        if not (sys.stdin.isatty() and self.err.is_terminal):
            raise UsageError(f"{question} Without a terminal nobody can answer: add --yes to do it.")
        return self._answer(question)

    def ask(self, question: str) -> bool:
        """Ask what `--yes` does not answer; without a terminal the answer is no."""
        return sys.stdin.isatty() and self.err.is_terminal and self._answer(question)

    def _answer(self, question: str) -> bool:
        self.err.print(Text(f"{safe(question)} [y/N] "), end="", soft_wrap=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def progress(self) -> Progress:
        """Return a progress bar on standard error; invisible without a terminal."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        return Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal)

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Show inside the block that something is under way, on a terminal."""
        return self.err.status(Text(safe(text))) if self.err.is_terminal else nullcontext()


def _console(file: TextIO) -> Console:
    width = None if file.isatty() else _WIDE
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)
