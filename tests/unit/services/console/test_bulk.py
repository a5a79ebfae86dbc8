"""When a redrive of many goes on, and what it counts."""

from datetime import UTC, datetime

import msgspec
import pytest

from nightshift.console.bulk.following import Following
from nightshift.console.bulk.work import Brake, Bulk, Fates
from nightshift.console.letters.wanted import Wanted
from nightshift.contract.audit import AuditEntry
from nightshift.contract.job_events import JobEvent, What

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def told(following: Following, job_id: str, *turns: What) -> None:
    """Tell what became of a job."""
    for what in turns:
        following.hear(JobEvent(type="email.send", id=job_id, what=what))


def test_each_job_is_counted_by_its_last_state() -> None:
    """One that failed and is done in the end is done; what is told of others counts for nothing."""
    fates, decided = Fates(), list[bool]()
    following = Following(fates, decided.append)
    for job_id in ("good", "late", "bad", "open", "open"):
        following.begin("email.send", job_id)
    told(following, "good", "started", "progress", "done", "done")
    told(following, "late", "snooze", "unavailable", "retry", "retry")
    assert (fates.open, fates.failing) == (3, 1)
    told(following, "late", "done")
    told(following, "bad", "dead")
    told(following, "another", "dead")
    assert msgspec.structs.asdict(fates) == {"done": 2, "dead": 1, "failing": 0, "open": 1, "unknown": 0}
    assert decided == [True, False, False], "a job decides once: by its end, or by its first failure"


def test_a_job_that_was_not_redriven_after_all_is_forgotten() -> None:
    """The broker has refused it."""
    fates = Fates()
    following = Following(fates, lambda _: None)
    following.begin("email.send", "one")
    following.drop("email.send", "one")
    following.drop("email.send", "one")
    told(following, "one", "done")
    assert fates == Fates()


@pytest.mark.parametrize(
    ("good", "bad", "stops"),
    [(0, 9, False), (0, 10, True), (8, 2, False), (7, 3, True), (40, 10, False), (39, 11, True)],
)
def test_the_brake_stops_when_too_many_of_the_last_jobs_fail(good: int, bad: int, *, stops: bool) -> None:
    """Not before ten of them are decided."""
    brake = Brake(0.8)
    for is_good in [True] * good + [False] * bad:
        brake.note(good=is_good)
    assert bool(brake.reason) is stops


def test_the_brake_forgets_what_is_long_ago() -> None:
    """A cause that comes back is seen among the last fifty, however many were done before."""
    brake = Brake(0.8)
    for is_good in [True] * 1_000 + [False] * 11:
        brake.note(good=is_good)
    assert "11 of the last 50 jobs failed again" in brake.reason


def test_a_bulk_is_the_same_after_it_was_kept() -> None:
    """Whatever process reads it."""
    intent = AuditEntry(
        id="1", turn="intent", at=NOW, part="console", who="ada", action="dlq.redrive", on="email", what="redrive 2"
    )
    bulk = Bulk(
        id="0" * 31,
        kind="redrive",
        begun=NOW,
        who="ada",
        reason="mended",
        wanted=Wanted(error="50%"),
        until={"email": 7},
        total=2,
        per_second=0.5,
        canary=1,
        share=0.8,
        intent=intent,
        state="canary",
        canary_jobs=[("email.send", "one"), ("email.send", "two"), ("email.send", "three")],
    )
    assert msgspec.json.decode(msgspec.json.encode(bulk), type=Bulk) == bulk
    assert bulk.needed == 3, "80 % of three jobs are all of them"
