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
        ("0 0 31 4,6,9,11 *", "never comes due"),
        ("0 0 31 2 mon", "day of month '31' is in no month '2'"),
        ("*/90 * * * *", "minute '*/90' would come due once an hour"),
        ("*/61 * * * *", "write the value itself, or several schedules"),
        ("0 */25 * * *", "hour '*/25' would come due once a day"),
        ("0 0 */32 * *", "day of month '*/32' would come due once a month"),
        ("0 0 1 */13 *", "month '*/13' would come due once a year"),
        ("0 0 * * */8", "day of week '*/8' would come due once a week"),
        ("*/70 0 * * * *", "second '*/70' would come due once a minute"),
        ("1-5/10 * * * *", "minute '1-5/10'"),
        ("*/0 * * * *", "minute '*/0' is not possible"),
        ("CRON_TZ=Europe/Berlin 0 9 * * *", "time_zone"),
        ("TZ=UTC 0 9 * * *", "time_zone"),
        ("0 9 * * * Europe/Berlin", "time_zone"),
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


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("1 1 */32,1-7 * 2", ["2024-08-06", "2024-09-03", "2024-10-01", "2024-11-05", "2024-12-03"]),
        ("1 1 */2 * 1", ["2024-07-15", "2024-07-29", "2024-08-05", "2024-08-19", "2024-09-09"]),
        ("1 1 1-7 * */7", ["2024-08-04", "2024-09-01", "2024-10-06", "2024-11-03", "2024-12-01"]),
        ("1 1 *,1-7 * 2", ["2024-07-16", "2024-07-23", "2024-07-30", "2024-08-06", "2024-08-13"]),
        ("1 1 1-7 * ?", ["2024-08-01", "2024-08-02", "2024-08-03", "2024-08-04", "2024-08-05"]),
        ("1 1 13 * 5", ["2024-07-12", "2024-07-13", "2024-07-19", "2024-07-26", "2024-08-02"]),
        ("1 1 1-7,* * 2", ["2024-07-12", "2024-07-13", "2024-07-14", "2024-07-15", "2024-07-16"]),
        ("1 1 1 * 0,*", ["2024-07-12", "2024-07-13", "2024-07-14", "2024-07-15", "2024-07-16"]),
        ("1 1 1-31 * 1", ["2024-07-12", "2024-07-13", "2024-07-14", "2024-07-15", "2024-07-16"]),
        ("1 1 l * */2", ["2024-08-31", "2024-10-31", "2024-11-30", "2024-12-31", "2025-05-31"]),
    ],
)
def test_the_day_fields_go_together_as_in_crontab(expression: str, days: list[str]) -> None:
    """Either is enough where both are restricted; both must fit where one begins with a star, of either kind."""
    found, moment = parse(expression), wall("2024-07-12T00:00")
    for day in days:
        moment = found.next_after(moment) or wall("1970-01-01")
        assert moment == wall(f"{day}T01:01")


@pytest.mark.parametrize(
    "expression", ["*/60 * * * *", "0 */24 * * *", "0 0 */31 * *", "10-20/10 * * * *", "*/45 * * * *"]
)
def test_a_step_that_can_be_meant_is_taken(expression: str) -> None:
    """Every sixty minutes is every hour."""
    assert parse(expression).next_after(wall("2026-01-01")) is not None


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
