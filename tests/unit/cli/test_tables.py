"""Tables of the command line fit the terminal, and nothing in them that one wants to copy is broken."""

import io

import pytest
from rich.console import Console

from nightshift.cli.terminal.output import Output
from nightshift.cli.terminal.table import Column, table

ID = "1a22256da76bc83c6d265767a6368fe"
ADDRESS = "http://127.0.0.1:18828"
ERROR = "the mail server at 192.0.2.1 has refused the recipient ada@example.com for today"
ROW = {"id": ID, "address": ADDRESS, "error": ERROR, "version": "0.1.0"}
COLUMNS = (
    Column("JOB ID", lambda row: row["id"]),
    Column("HEALTH", lambda row: row["address"]),
    Column("VERSION", lambda row: row["version"], spare=1),
    Column("TENANT", lambda _: ""),
    Column("ERROR", lambda row: row["error"], words=True),
)


def printed(width: int) -> list[str]:
    """The lines of two rows in a terminal of so many columns."""
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    console.print(table([ROW, ROW], COLUMNS, width=width), crop=False)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [10, 20, 40, 60, 79, 80, 81, 100, 120, 200])
def test_no_id_and_no_address_is_broken(width: int) -> None:
    """At any width they are whole, in one line each."""
    lines = printed(width)
    assert sum(ID in line for line in lines) == 2
    assert sum(ADDRESS in line for line in lines) == 2


def test_where_there_is_room_everything_is_in_one_line() -> None:
    """A head, and a line for each row."""
    head, first, second = printed(200)
    assert head.split() == ["JOB", "ID", "HEALTH", "VERSION", "TENANT", "ERROR"]
    assert first == second
    assert first.endswith(ERROR)


def test_sentences_go_on_in_the_next_line_before_anything_is_left_out() -> None:
    """Between words."""
    lines = printed(100)
    assert max(map(len, lines)) <= 100
    assert "VERSION" in lines[0]
    words = [line[67:] for line in lines[1:]]
    assert " ".join(words).split() == [*ERROR.split(), *ERROR.split()]


def test_columns_that_can_be_spared_are_left_out_and_that_is_said() -> None:
    """One without any text goes unsaid."""
    lines = printed(80)
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["JOB", "ID", "HEALTH", "ERROR"]
    assert lines[-1] == "(no room for VERSION)"


def test_what_is_too_wide_all_the_same_is_a_paragraph_for_each_row() -> None:
    """With every column that has a text, and a blank line between."""
    paragraph = [f"JOB ID   {ID}", f"HEALTH   {ADDRESS}", "VERSION  0.1.0", f"ERROR    {ERROR}"]
    assert printed(40) == [*paragraph, "", *paragraph]


def test_without_a_terminal_a_table_is_as_wide_as_it_has_to_be() -> None:
    """Programs cut it by columns."""
    out = io.StringIO()
    Output(as_json=False, out=out).rows([ROW], COLUMNS, none="nothing")
    head, row = out.getvalue().splitlines()
    assert "TENANT" in head
    assert row.endswith(ERROR)
