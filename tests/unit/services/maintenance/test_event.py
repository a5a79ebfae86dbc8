"""The daily event becomes one job of each kind."""

from datetime import UTC, datetime, timedelta, timezone

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired
from nightshift.messaging.job import Job
from services.maintenance.handlers import enqueue_cleanups

DUE = datetime(2026, 11, 24, tzinfo=UTC)


def _event(due: datetime, name: str = "cleanup.daily") -> ScheduleFired:
    return ScheduleFired(name=name, schedule="0 0 * * *", time_zone="UTC", due=due, announced=due)


async def _enqueued(event: ScheduleFired, event_id: str = "an-id") -> list[tuple[str, str | None]]:
    job = Job("maintenance", "cron.cleanup.daily", event_id, event_id)
    await enqueue_cleanups(event, job)
    return [(follow_up.message.TYPE, follow_up.job_id) for follow_up in job.follow_ups]


async def test_there_is_one_job_of_every_kind() -> None:
    """All that the contracts know, under an id that says which day it is about."""
    kinds = {name for name in load_catalogue().messages if name.startswith("maintenance.")}
    enqueued = await _enqueued(_event(DUE))
    assert len(enqueued) == len(kinds) == 5
    assert {kind for kind, _ in enqueued} == kinds
    assert {job_id for _, job_id in enqueued} == {"cleanup-daily-20261124T000000Z"}


async def test_the_ids_follow_from_the_due_time_alone() -> None:
    """An event that comes again, or from another zone, or by hand, makes no second job for the same time."""
    same = _event(DUE.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert await _enqueued(same, "another-id") == await _enqueued(_event(DUE))


async def test_another_due_time_makes_other_jobs() -> None:
    """To the microsecond, because somebody may ask by hand."""
    moments = [DUE, DUE + timedelta(seconds=1), DUE + timedelta(microseconds=1)]
    ids = {job_id for moment in moments for _, job_id in await _enqueued(_event(moment))}
    assert ids == {
        "cleanup-daily-20261124T000000Z",
        "cleanup-daily-20261124T000001Z",
        "cleanup-daily-20261124T000000-000001Z",
    }
