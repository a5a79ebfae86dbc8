"""The CSV file of a report."""

import csv
import io
from datetime import UTC, date, datetime

import pytest

from services.report.rendering.csv_file import spreadsheet
from services.report.rendering.document import Column, Table
from services.report.rendering.formatting import Value


def read(*row: Value) -> list[str]:
    """One row, written and read again."""
    table = Table("T", [Column(str(number)) for number in range(len(row))], [row])
    return list(csv.reader(io.StringIO(spreadsheet(table).decode("utf-8-sig"), newline="")))[1]


def test_it_is_utf_8_with_a_mark_and_ends_its_lines_as_the_standard_says() -> None:
    """So that spreadsheets read it without being told how."""
    table = Table("T", [Column("Name"), Column("Größe")], [["Zoë", 1]])
    assert spreadsheet(table) == "\N{ZERO WIDTH NO-BREAK SPACE}Name,Größe\r\nZoë,1\r\n".encode()


def test_values_are_for_machines() -> None:
    """Plain numbers, instants in UTC, and nothing for what is not known."""
    instant = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
    assert read(1_234_567, date(2026, 11, 22), instant, None) == ["1234567", "2026-11-22", "2026-11-22T09:05:00Z", ""]


@pytest.mark.parametrize("name", ['Lovelace, "Ada"', "two\nlines", "Nul\N{SNOWMAN}l"])
def test_a_text_comes_back_as_it_was(name: str) -> None:
    """Whatever has a meaning in the format."""
    assert read(name) == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx"),
        *("\n=1", "  =1", "\u00a0=1", "\u200b=1", "\ufeff=1"),
        *("\uff1d1", "\uff0b1", "\uff0d1", "\uff20A1", " \uff1dA1"),
    ],
)
def test_no_name_is_a_formula(name: str) -> None:
    """A spreadsheet would compute it, with the rights of whoever opens the file."""
    assert read(name) == [f"'{name}"]


def test_a_negative_number_stays_a_number() -> None:
    """Only texts are marked."""
    assert read(-5) == ["-5"]


def test_half_a_character_does_not_break_the_file() -> None:
    """A name may hold what UTF-8 cannot write."""
    assert read("a\ud800b") == ["a?b"]
