"""How far a schedule has got: what its memory means, and what a clock that is set means."""

from datetime import UTC, datetime, timedelta

import pytest

from nightshift.contract.cron import ScheduleFired
from nightshift.scheduler.cron.schedule import schedule
from nightshift.scheduler.state.cron_stream import LastEvent
from nightshift.scheduler.state.schedule_state import Progress

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def progress(expression: str = "0 * * * *") -> Progress:
    """A schedule that starts at half past eleven."""
    return Progress(schedule("sync.test", expression, "all"), NOON - HOUR / 2)


def remembered(due: datetime, expression: str = "0 * * * *", time_zone: str = "UTC") -> LastEvent:
    """An event with this due time, at sequence 7."""
    event = ScheduleFired(name="sync.test", schedule=expression, time_zone=time_zone, due=due, announced=due)
    return LastEvent(7, event)


def chosen(entry: Progress, now: datetime) -> list[datetime]:
    """What is announced at `now`."""
    entry.choose(now)
    return list(entry.waiting)


def test_without_memory_a_schedule_starts_at_now() -> None:
    """Nothing before the start is made up for."""
    entry = progress()
    assert entry.recall(None, NOON, at_start=True) is None
    assert (entry.sequence, chosen(entry, NOON)) == (0, [NOON])


def test_a_memory_says_where_to_go_on() -> None:
    """What came due after the last event is missed."""
    entry = progress()
    assert entry.recall(remembered(NOON - 3 * HOUR), NOON, at_start=True) is None
    assert (entry.sequence, chosen(entry, NOON)) == (7, [NOON - 2 * HOUR, NOON - HOUR, NOON])


@pytest.mark.parametrize(
    "memory", [remembered(NOON - 9 * HOUR, "5 * * * *"), remembered(NOON - 9 * HOUR, time_zone="Europe/Berlin")]
)
def test_a_memory_of_another_expression_or_zone_starts_at_now(memory: LastEvent) -> None:
    """Only its sequence counts."""
    entry = progress()
    assert entry.recall(memory, NOON, at_start=True) is None
    assert (entry.sequence, chosen(entry, NOON)) == (7, [NOON])


def test_a_memory_in_the_future_is_an_error_and_resumes_at_now() -> None:
    """It goes on at now; up to the memory the stream is asked before anything is announced."""
    entry = progress()
    wrong = entry.recall(remembered(NOON + 2 * HOUR), NOON, at_start=True)
    assert wrong is not None
    assert "2026-07-01T14:00:00Z" in wrong
    assert chosen(entry, NOON) == [NOON]
    assert entry.must_ask()
    entry.leave_out({NOON})
    assert not entry.waiting
    assert entry.done == NOON


def test_doubt_ends_with_the_memory_that_raised_it() -> None:
    """After the memory's due time nothing is asked any more."""
    entry = progress()
    entry.recall(remembered(NOON), NOON - 2 * HOUR)
    entry.choose(NOON)
    assert entry.must_ask()
    entry.stored(8)
    entry.choose(NOON + HOUR)
    assert not entry.must_ask()


def test_a_memory_that_is_ahead_by_seconds_is_no_error() -> None:
    """Clocks of two machines differ a little: the due time is dealt with."""
    entry = progress()
    assert entry.recall(remembered(NOON), NOON - timedelta(seconds=30), at_start=True) is None
    assert entry.next == NOON + HOUR


def test_a_message_that_is_no_event_is_reported() -> None:
    """Its sequence counts, so that the next event can follow it."""
    entry = progress()
    assert "no event" in str(entry.recall(LastEvent(9, None), NOON, at_start=True))
    assert (entry.sequence, chosen(entry, NOON)) == (9, [NOON])


def test_what_another_scheduler_announced_is_done() -> None:
    """After losing a race the due time is not announced again."""
    entry = progress()
    entry.choose(NOON)
    entry.recall(remembered(NOON), NOON)
    assert (list(entry.waiting), entry.sequence, entry.next) == ([], 7, NOON + HOUR)


def test_what_is_done_is_never_taken_back_by_an_older_memory() -> None:
    """A memory that is behind (a replica that lags) changes the sequence alone."""
    entry = progress()
    entry.choose(NOON)
    entry.stored(8)
    entry.recall(remembered(NOON - HOUR), NOON)
    assert entry.done == NOON


def test_the_same_due_time_under_another_expression_is_done() -> None:
    """In a rolling deployment two expressions may name the same instant: it is announced once."""
    entry = progress()
    entry.choose(NOON)
    entry.recall(remembered(NOON, "0 12 * * *"), NOON)
    assert not entry.waiting


def test_a_clock_set_back_resumes_at_now_and_asks() -> None:
    """What was announced beyond the new time is in doubt, and asked about when it comes due again."""
    entry = progress()
    entry.choose(NOON)
    entry.stored(8)
    assert entry.clock_was_set_back(NOON - 3 * HOUR)
    assert entry.next == NOON - 2 * HOUR
    entry.choose(NOON - 2 * HOUR)
    assert entry.must_ask()


def test_a_clock_set_back_by_less_than_a_minute_is_waited_out() -> None:
    """Nothing is announced until the clock is where it was."""
    entry = progress()
    entry.choose(NOON)
    entry.stored(8)
    assert not entry.clock_was_set_back(NOON - timedelta(seconds=59))
    assert chosen(entry, NOON - timedelta(seconds=59)) == []
    assert entry.next == NOON + HOUR
