"""The figures of docs/sizing.md are those that were measured."""

import re

import pytest

from tests.repository import ROOT

PAGE = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.*) \| (.*) \| \[\w+\]\(\.\./(bench/results/\w+\.md)\) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("what", "figure", "file"), ROWS, ids=[row[0] for row in ROWS])
def test_a_figure_stands_in_the_results(what: str, figure: str, file: str) -> None:
    """Word by word, in the file that its row names."""
    assert figure in (ROOT / file).read_text(encoding="utf-8"), what


def test_there_are_figures() -> None:
    """The rows are found."""
    assert len(ROWS) >= 12
