"""Reading cron expressions."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.scheduler.cron.cron_expression import ExpressionError, parse


def wall(text: str) -> datetime:
    """A wall-clock time."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 9 * * 1", "2026-07-24T12:00", "2026-07-27T09:00"),
        ("0 9 * * mon", "2026-07-27T09:00", "2026-08-03T09:00"),
        ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("0 0 l * *", "2026-02-01T00:00", "2026-02-28T00:00"),
        ("0 0 * * fri#2", "2026-07-01T00:00", "2026-07-10T00:00"),
        ("0 0 13 * fri", "2026-07-11T00:00", "2026-07-13T00:00"),
        ("0 22-2 * * *", "2026-07-11T02:30", "2026-07-11T22:00"),
        ("@daily", "2026-07-11T02:30", "2026-07-12T00:00"),
        ("30 59 23 31 12 *", "2026-12-31T23:59:30", "2027-12-31T23:59:30"),
    ],
)
def test_the_next_time_is_the_first_that_all_fields_allow(expression: str, after: str, expected: str) -> None:
    """Names, ranges over midnight, `L`, `#`, either day field, nicknames and seconds work as documented."""
    assert parse(expression).next_after(wall(after)) == wall(expected)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("61 25 * * *", "minute '61' is not possible, hour '25' is not possible"),
        ("60 * * * * *", "second '60' is not possible"),
        ("0 0 * jam *", "month 'jam' is not possible"),
        ("0 0 * * mon#9", "day of week 'mon#9' is not possible"),
        ("* * * *", "it has 4 fields"),
        ("", "it has 0 fields"),
        ("0 0 * * * * 2026", "it has 7 fields"),
        ("0 0 30 2 *", "never comes due"),
        ("@reboot", "'@reboot' is not known, expected @hourly"),
        ("R * * * *", "hashed or drawn"),
        ("H H * * *", "hashed or drawn"),
        ("0 0 * * * " + " " * 200 + "x", "day of week 'x' is not possible"),
        ("1," * 120 + "1 * * * *", "characters"),
    ],
)
def test_a_wrong_expression_is_told_which_field_is_wrong(expression: str, said: str) -> None:
    """Every field that is wrong is named, in the order in which it is written."""
    with pytest.raises(ExpressionError) as caught:
        parse(expression)
    assert said in str(caught.value)


def test_spaces_between_fields_do_not_matter() -> None:
    """Two spellings that differ in white space are the same expression, also for the memory."""
    assert parse(" 0  9\t* *\n1 ").text == "0 9 * * 1"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789*/,-#?LWHRlwhr @monjanfrichtx\t\x00é", max_size=40))
def test_any_text_is_an_expression_or_a_clear_error(text: str) -> None:
    """Whatever is written, the answer is an expression that comes due or `ExpressionError`."""
    try:
        expression = parse(text)
    except ExpressionError:
        return
    assert expression.next_after(wall("2026-01-01")) is not None
