"""Numbers are shown as people read them."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.report.rendering.chart import labelled, ticks
from services.report.rendering.formatting import Unit, Value, change, rounded, share, shown, size


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "count", "0"),
        (9_999, "count", "9,999"),
        (10_000, "count", "10k"),
        (12_345, "count", "12.3k"),
        (999_499, "count", "999k"),
        (999_500, "count", "1M"),
        (1_234_567, "count", "1.23M"),
        (999_999_999_999, "count", "1T"),
        (3_400_000, "bytes", "3.4 MB"),
    ],
)
def test_where_there_is_little_room_three_digits_have_to_do(value: int, unit: Unit, text: str) -> None:
    """Never 1,000 of a unit that has a next."""
    assert plain(rounded(value, unit)) == text


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 KB"),
        (9_949, "9.9 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (3_400_000, "3.4 MB"),
        (12_000_000_000, "12 GB"),
        (5_000_000_000_000_000_000, "5,000 PB"),
    ],
)
def test_a_size_has_the_unit_that_leaves_few_digits(value: int, text: str) -> None:
    """Decimal units; never 1,000 of one that has a next."""
    assert plain(size(value)) == text


@pytest.mark.parametrize(
    ("value", "before", "text"),
    [
        (110, 100, "+10 %"),
        (94, 100, "\N{MINUS SIGN}6.0 %"),
        (100_001, 100_000, "+0.1 %"),
        (0, 8, "\N{MINUS SIGN}100 %"),
        (7, 7, "unchanged"),
        (0, 0, "unchanged"),
        (1_200, 0, "+1,200"),
        (500_000, 2, "250,000 times as much"),
    ],
)
def test_a_change_is_told_in_per_cent(value: int, before: int, text: str) -> None:
    """In absolute numbers where there was nothing before."""
    assert plain(change(value, before)) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 4, "25 %"), (1, 1_000, "< 1 %"), (0, 5, "0 %"), (0, 0, "\N{EM DASH}")]
)
def test_a_share_of_something_is_never_shown_as_nothing(part: int, whole: int, text: str) -> None:
    """And a share of nothing is none."""
    assert plain(share(part, whole)) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12_345, "count", "12,345"),
        (2_000, "bytes", "2.0 KB"),
        (None, "count", "\N{EM DASH}"),
        ("", "count", "\N{EM DASH}"),
        ("Ada", "bytes", "Ada"),
        (date(2026, 11, 22), "count", "2026-11-22"),
        (datetime(2026, 11, 22, 9, 5, 59, tzinfo=UTC), "count", "2026-11-22 09:05"),
    ],
)
def test_what_a_cell_shows(value: Value, unit: Unit, text: str) -> None:
    """Depends on what it is; a dash says that there is nothing."""
    assert plain(shown(value, unit)) == text


@given(st.integers(0, 10**15))
def test_a_scale_begins_at_zero_and_covers_the_highest(highest: int) -> None:
    """With two to six lines at even distances."""
    marks = ticks(highest)
    assert marks[0] == 0
    assert marks[-1] >= highest
    assert 2 <= len(marks) <= 6
    assert len({high - low for low, high in pairwise(marks)}) == 1


@pytest.mark.parametrize(
    ("highest", "marks"),
    [(1, [0, 1]), (3, [0, 1, 2, 3]), (16, [0, 5, 10, 15, 20]), (100, [0, 25, 50, 75, 100]), (101, [0, 50, 100, 150])],
)
def test_a_scale_has_round_steps(highest: int, marks: list[int]) -> None:
    """A thing that is counted has no halves."""
    assert ticks(highest) == marks


@given(st.integers(1, 92))
def test_the_last_day_always_has_its_label(count: int) -> None:
    """And there are never more labels than fit."""
    numbers = labelled(count, 7)
    assert numbers[-1] == count - 1
    assert len(numbers) <= 7
