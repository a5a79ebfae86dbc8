"""How far a schedule has got: what its last event means, and what a clock that is set means."""

from datetime import UTC, datetime, timedelta

import pytest

from nightshift.contract.cron import ScheduleFired
from nightshift.scheduler.cron.schedule import schedule
from nightshift.scheduler.state.cron_stream import LastEvent
from nightshift.scheduler.state.schedule_state import ScheduleState

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def started(expression: str = "0 * * * *") -> ScheduleState:
    """A schedule that starts at half past eleven."""
    return ScheduleState(schedule("sync.test", expression, "all"), NOON - HOUR / 2)


def last_event(due: datetime, expression: str = "0 * * * *", time_zone: str = "UTC") -> LastEvent:
    """An event with this due time, at sequence 7."""
    event = ScheduleFired(name="sync.test", schedule=expression, time_zone=time_zone, due=due, announced=due)
    return LastEvent(7, event)


def planned(state: ScheduleState, now: datetime) -> list[datetime]:
    """What is announced at `now`."""
    state.plan(now)
    return list(state.planned)


def test_without_memory_a_schedule_starts_at_now() -> None:
    """Nothing before the start is made up for."""
    state = started()
    assert state.load(None, NOON, at_start=True) is None
    assert (state.sequence, planned(state, NOON)) == (0, [NOON])


def test_a_memory_says_where_to_go_on() -> None:
    """What came due after the last event is missed."""
    state = started()
    assert state.load(last_event(NOON - 3 * HOUR), NOON, at_start=True) is None
    assert (state.sequence, planned(state, NOON)) == (7, [NOON - 2 * HOUR, NOON - HOUR, NOON])


@pytest.mark.parametrize(
    "last", [last_event(NOON - 9 * HOUR, "5 * * * *"), last_event(NOON - 9 * HOUR, time_zone="Europe/Berlin")]
)
def test_a_memory_of_another_expression_or_zone_starts_at_now(last: LastEvent) -> None:
    """Only its sequence counts."""
    state = started()
    assert state.load(last, NOON, at_start=True) is None
    assert (state.sequence, planned(state, NOON)) == (7, [NOON])


def test_a_memory_in_the_future_is_an_error_and_resumes_at_now() -> None:
    """It goes on at now; up to that event the stream is asked before anything is announced."""
    state = started()
    wrong = state.load(last_event(NOON + 2 * HOUR), NOON, at_start=True)
    assert wrong is not None
    assert "2026-07-01T14:00:00Z" in wrong
    assert planned(state, NOON) == [NOON]
    assert state.may_be_announced()
    state.skip({NOON})
    assert not state.planned
    assert state.done == NOON


def test_doubt_ends_with_the_memory_that_raised_it() -> None:
    """After that event nothing is asked any more."""
    state = started()
    state.load(last_event(NOON), NOON - 2 * HOUR)
    state.plan(NOON)
    assert state.may_be_announced()
    state.stored(8)
    state.plan(NOON + HOUR)
    assert not state.may_be_announced()


def test_a_memory_that_is_ahead_by_seconds_is_no_error() -> None:
    """Clocks of two machines differ a little: the due time is dealt with."""
    state = started()
    assert state.load(last_event(NOON), NOON - timedelta(seconds=30), at_start=True) is None
    assert state.next == NOON + HOUR


def test_a_message_that_is_no_event_is_reported() -> None:
    """Its sequence counts, so that the next event can follow it."""
    state = started()
    assert "no event" in str(state.load(LastEvent(9, None), NOON, at_start=True))
    assert (state.sequence, planned(state, NOON)) == (9, [NOON])


def test_what_another_scheduler_announced_is_done() -> None:
    """After losing a race the due time is not announced again."""
    state = started()
    state.plan(NOON)
    state.load(last_event(NOON), NOON)
    assert (list(state.planned), state.sequence, state.next) == ([], 7, NOON + HOUR)


def test_what_is_done_is_never_taken_back_by_an_older_memory() -> None:
    """A last event that is behind (a replica that lags) changes the sequence alone."""
    state = started()
    state.plan(NOON)
    state.stored(8)
    state.load(last_event(NOON - HOUR), NOON)
    assert state.done == NOON


def test_the_same_due_time_under_another_expression_is_done() -> None:
    """In a rolling deployment two expressions may name the same instant: it is announced once."""
    state = started()
    state.plan(NOON)
    state.load(last_event(NOON, "0 12 * * *"), NOON)
    assert not state.planned


def test_a_clock_set_back_resumes_at_now_and_asks() -> None:
    """What was announced beyond the new time is in doubt, and asked about when it comes due again."""
    state = started()
    state.plan(NOON)
    state.stored(8)
    assert state.resume_if_ahead(NOON - 3 * HOUR)
    assert state.next == NOON - 2 * HOUR
    state.plan(NOON - 2 * HOUR)
    assert state.may_be_announced()


def test_a_clock_set_back_by_less_than_a_minute_is_waited_out() -> None:
    """Nothing is announced until the clock is where it was."""
    state = started()
    state.plan(NOON)
    state.stored(8)
    assert not state.resume_if_ahead(NOON - timedelta(seconds=59))
    assert planned(state, NOON - timedelta(seconds=59)) == []
    assert state.next == NOON + HOUR
