"""Any file of schedules is a timetable or an error that names the entries; no expression takes more than its steps."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import event_subject, manual_subject
from nightshift.scheduler.cron.cron_expression import MAX_CHARACTERS, Expression, ExpressionError, _first_day, parse
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.timetable.entry import check_entry
from nightshift.scheduler.timetable.timetable import TimetableError, load_timetable

T = TypeVar("T")
MOST_STEPS = 400_000
"""Lines of Python that reading one expression may run; what comes due only in a leap year takes the most by far."""
START = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall-clock time

_FIELD = st.one_of(
    st.sampled_from(
        ["*", "*/0", "*/1", "0-59", "59-0", "L", "LW", "W", "?", "#", "1#6", "l5", "mon#0", "0/0", "-1", "1--2"]
    ),
    st.sampled_from(["30", "31", "feb", "2", "0", "7", "*/999999999", "0-999999999", "1,", ",", "1-", "H", "R(1-2)"]),
    st.text("0123456789*/,-#?LWHRlwh\u0663@", max_size=8),
    st.lists(st.integers(-1, 400).map(str), max_size=20).map(",".join),
)
_EXPRESSIONS = st.one_of(
    st.lists(_FIELD, min_size=4, max_size=7).map(" ".join),
    st.text(st.characters(), max_size=40),
    st.text("0123456789*/,-", min_size=MAX_CHARACTERS - 20, max_size=MAX_CHARACTERS + 20).map(
        lambda text: f"{text} * * * *"
    ),
)
_KNOWN = {entry.name: entry for entry in load_timetable(load_catalogue())}


class TooManyStepsError(Exception):
    """It would take too long, on however fast a machine."""


@contextmanager
def _counted(most: int) -> Iterator[None]:
    left = most

    def step(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        left -= event == "line"
        if left < 0:
            raise TooManyStepsError
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        yield
    finally:
        sys.settrace(before)


def _bounded(work: Callable[[], T], most: int = MOST_STEPS) -> T:
    _first_day.cache_clear()
    with _counted(most):
        return work()


def _parsed(text: str) -> Expression | ExpressionError:
    try:
        return parse(text)
    except ExpressionError as error:
        return error


@given(text=_EXPRESSIONS)
@example(text="0 0 30 2 *")
@example(text="0 0 31 2,4,6,9,11 *")
@example(text="0 0 0 29 2 *")
@example(text="0 0 29 2 1#5")
@example(text="* * * * * *")
@example(text="*/0 * * * *")
@example(text="0 0 L 2 mon#5")
@example(text=f"{','.join(['0-59'] * 38)} * * * *")
@settings(max_examples=150)
def test_any_expression_is_read_in_bounded_steps(text: str) -> None:
    """It comes due, and again after that; or the error says which field is wrong, or that there is no such day."""
    found = _bounded(lambda: _parsed(text))
    if isinstance(found, ExpressionError):
        assert str(found)
        return
    due = _bounded(lambda: found.next_after(START))
    assert due is not None
    assert due > START
    later = _bounded(lambda: found.next_after(due))
    assert later is None or later > due


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 0 30 feb *", "0 0 31 sep *"])
def test_a_day_that_never_comes_is_said_in_bounded_steps(text: str) -> None:
    """Nobody looks for the thirtieth of February for ever."""
    found = _bounded(lambda: _parsed(text))
    assert "never comes due" in str(found)


_NAMES = st.one_of(
    st.text(st.characters(), max_size=20),
    st.sampled_from(["sync.a", "report.weekly", "cleanup.daily", "sync.a.manual", "sync.", "Sync.a", "other.a"]),
    st.sampled_from([*load_catalogue().event_consumers]).flatmap(
        lambda first: st.text("abc.-*> 0", max_size=140).map(f"{first}.".__add__)
    ),
)
_ZONES = st.one_of(
    st.sampled_from(
        ["UTC", "Europe/Berlin", "europe/berlin", "../../etc/passwd", "/etc/localtime", "Europe", "localtime"]
    ),
    st.text(st.characters(), max_size=30),
)
_POLICIES = st.sampled_from(["skip", "latest", "all", "All", ""]) | st.text(st.characters(), max_size=12)
_STRANGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.just(datetime.now(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "name": _NAMES | _STRANGE,
        "schedule": _EXPRESSIONS | _STRANGE,
        "time_zone": _ZONES | _STRANGE,
        "misfire": _POLICIES | _STRANGE,
        "enabled": st.booleans() | _STRANGE,
        "shedule": _STRANGE,
    },
)


@given(entry=_ENTRIES | _STRANGE)
@settings(max_examples=300)
def test_any_entry_is_a_schedule_or_has_problems_in_words(entry: object) -> None:
    """What is read can be evaluated: in its zone, over a year, in bounded steps."""
    checked = check_entry(entry, _KNOWN, load_catalogue().event_consumers)
    if checked.problems:
        assert all(checked.problems)
        return
    assert isinstance(checked.schedule, Schedule)
    assert checked.schedule.name == event_subject(checked.name).removeprefix("cron.")
    due = checked.schedule.expression.next_after(START)
    assert due is not None
    assert due.replace(tzinfo=checked.schedule.zone).astimezone(UTC) - due.replace(tzinfo=UTC) < timedelta(days=2)


def _toml(entries: list[dict[str, str]]) -> str:
    tables = ("\n".join(f'{name} = "{value}"' for name, value in entry.items()) for entry in entries)
    return "\n".join(f"[[schedules]]\n{table}" for table in tables)


_TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(str.encode),
    st.binary(max_size=60),
    st.lists(
        st.dictionaries(
            st.sampled_from(["name", "schedule", "time_zone", "misfire", "enabled", "x"]),
            st.sampled_from(
                ["sync.a", "sync.b", "* * * * *", "0 0 30 2 *", "UTC", "all", "\\u001b", "\\ud800", "true"]
            ),
            max_size=5,
        ),
        max_size=4,
    ).map(lambda entries: _toml(entries).encode()),
    st.sampled_from(
        [
            b"schedules = 1",
            b"schedules = [1]",
            b"[schedules]",
            b"a = " + b"[" * 5_000,
            b"x=1e999999999",
            b"x=" + b"9" * 9_999,
        ]
    ),
)


@given(content=_TEXTS)
@settings(max_examples=200)
def test_any_file_is_a_timetable_or_an_error_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Bytes, texts, tables with right and wrong entries: the error says which file, and of a schedule its number."""
    file = tmp_path_factory.getbasetemp() / "strange.toml"
    file.write_bytes(content)
    try:
        timetable = load_timetable(load_catalogue(), file)
    except TimetableError as error:
        told = error
    else:
        assert all(isinstance(entry, Schedule) for entry in timetable)
        assert len({entry.name for entry in timetable}) == len(timetable)
        return
    assert str(file) in str(told)
    assert all(problem.startswith(("schedule ", "the file ", "'")) for problem in told.problems)
    assert all(problem.isprintable() for problem in told.problems)


@pytest.mark.parametrize("path", ["/no/such/file", "/", "x" * 5_000])
def test_a_path_that_is_no_file_is_an_error_that_names_it(path: str) -> None:
    """Missing, a folder, too long for a name."""
    with pytest.raises(TimetableError, match="cannot be read"):
        load_timetable(load_catalogue(), Path(path))


@given(name=_NAMES)
def test_any_name_is_a_subject_or_an_error(name: str) -> None:
    """What is taken is one subject below `cron.`, without wildcards; the rest is a ValueError in words."""
    for make in (event_subject, manual_subject):
        try:
            subject = make(name)
        except ValueError as error:
            told = str(error)
        else:
            assert subject.startswith("cron.")
            assert not set(subject) & set(" *>\t\r\n")
            assert "" not in subject.split(".")
            continue
        assert "cannot be the name of a schedule" in told
