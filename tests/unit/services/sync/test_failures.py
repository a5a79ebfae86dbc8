"""How failures are counted, and what follows."""

from datetime import UTC, datetime, timedelta

from services.sync.failures import LONGEST_PAUSE, PATIENCE, REVOKED, SWITCHED_OFF, Failures, count_failure

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def fail(times: int, *, refused: bool = False) -> tuple[Failures, datetime]:
    """So many failures, each as soon as it counts."""
    counts, now = Failures(), NOW
    for number in range(times):
        now = counts.retry_at or now
        counts = count_failure(counts, now, refused=refused)
        assert counts.failures == number + 1
    return counts, now


def test_pauses_grow_up_to_two_days() -> None:
    """A quarter of an hour, one, four, sixteen, then two days each."""
    pauses = [counts.pause(now) for counts, now in (fail(times) for times in range(1, 8))]
    hours = [pause.total_seconds() / 3600 for pause in pauses]
    assert hours == [0.25, 1, 4, 16, 48, 48, 48]
    assert fail(1000)[0].pause(fail(1000)[1]) == LONGEST_PAUSE


def test_failures_within_a_pause_are_one() -> None:
    """Whatever kind they are of; unless the pause is longer than any can be, because a clock was wrong."""
    counts, now = fail(2)
    assert count_failure(counts, now + timedelta(minutes=59), refused=True) == counts
    assert count_failure(counts, now - timedelta(days=30), refused=False).failures == 3


def test_four_refusals_in_a_row_revoke() -> None:
    """They span five hours at least. Any other failure between starts the count anew."""
    assert fail(3, refused=True)[0].ending(NOW) is None
    counts, now = fail(4, refused=True)
    assert counts.ending(now) is REVOKED
    assert now - NOW == timedelta(hours=5.25)
    counts = count_failure(fail(3, refused=True)[0], NOW + timedelta(days=1), refused=False)
    assert (counts.failures, counts.refusals) == (4, 0)


def test_a_month_of_failures_switches_off() -> None:
    """Not a day less, and not with a few failures."""
    counts, now = fail(19)
    assert counts.ending(now) is None
    assert now - NOW < PATIENCE
    counts, now = fail(20)
    assert counts.ending(now) is SWITCHED_OFF
    assert Failures(9, 0, NOW - timedelta(days=90)).ending(NOW) is None
