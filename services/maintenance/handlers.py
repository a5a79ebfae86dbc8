"""Handles cleanups: the daily event becomes one job for each kind, and each kind has its rule of what is too old."""

from datetime import UTC, datetime, timedelta

import msgspec

from contracts.maintenance import CleanActivity, CleanClaims, CleanFiles, CleanInbox, CleanSessions
from nightshift import Job, Message, ScheduleFired
from nightshift.housekeeping.expired_claims import CLAIMS, delete_expired_claims
from nightshift.housekeeping.inbox_retention import INBOX_TABLES, RESULTS, delete_old_inbox_rows, forget_old_results
from nightshift.housekeeping.retention import AgingTable, count_rows, delete_old_rows
from nightshift.messaging.paging import Keyset, TimeLimit, enqueue_successor
from nightshift.objects import ObjectStore, ObjectTransfers
from schema.tables import activity_logs, cleanup_runs, files, idempotency_keys, sessions, webhook_events
from services.maintenance.cleanup_runs import CleanupRun, CleanupRuns
from services.maintenance.orphaned_files import ABANDONED, OWNERLESS, delete_ownerless_files, disown_abandoned_uploads
from services.maintenance.orphaned_objects import WITHOUT_ROW, delete_orphaned_objects
from services.maintenance.settings import MaintenanceSettings
from services.maintenance.unfinished_uploads import EXPIRED, FORGOTTEN, abort_unknown_uploads, end_expired_uploads

SESSIONS = AgingTable(sessions, Keyset(sessions.c.expires_at, sessions.c.id))
ACTIVITY = AgingTable(activity_logs, Keyset(activity_logs.c.created_at, activity_logs.c.id))
# A handful a day: so few rows need no index for their order.
RUNS = AgingTable(cleanup_runs, Keyset(cleanup_runs.c.started_at, cleanup_runs.c.id))
EVENTS = AgingTable(
    webhook_events, Keyset(webhook_events.c.received_at, webhook_events.c.source, webhook_events.c.event_id)
)
KEYS = AgingTable(
    idempotency_keys, Keyset(idempotency_keys.c.created_at, idempotency_keys.c.principal, idempotency_keys.c.key)
)
KEYS_KEPT = timedelta(days=1)
"""The gateway promises so much."""
DAILY: tuple[type[Message], ...] = (CleanSessions, CleanActivity, CleanFiles, CleanClaims, CleanInbox)


async def enqueue_cleanups(event: ScheduleFired, job: Job) -> None:
    """Enqueue one job of each kind; their ids follow from the due time, so that each day has one of each."""
    job_id = job_id_of(event.name, event.due)
    for message in DAILY:
        job.enqueue(message(), job_id=job_id)


def job_id_of(name: str, due: datetime) -> str:
    """Return the id of the jobs that the event of a due time becomes: `cleanup-daily-20261124T000000Z`."""
    due = due.astimezone(UTC)
    fraction = f"-{due.microsecond:06}" if due.microsecond else ""
    return f"{name.replace('.', '-')}-{due:%Y%m%dT%H%M%S}{fraction}Z"


async def clean_sessions(message: CleanSessions, job: Job, *, runs: CleanupRuns, settings: MaintenanceSettings) -> None:
    """Delete sessions that have expired."""
    before = _before(runs, message.older_than_days, settings.cleanup_sessions_days)
    await _clean_rows(message, job, SESSIONS, before=before, runs=runs, settings=settings)


async def clean_activity(message: CleanActivity, job: Job, *, runs: CleanupRuns, settings: MaintenanceSettings) -> None:
    """Delete old entries of the activity log."""
    before = _before(runs, message.older_than_days, settings.cleanup_activity_days)
    await _clean_rows(message, job, ACTIVITY, before=before, runs=runs, settings=settings)


async def clean_inbox(message: CleanInbox, job: Job, *, runs: CleanupRuns, settings: MaintenanceSettings) -> None:
    """Delete the inbox rows of jobs that were done long ago, and crash marks, events and records of cleanups as old.

    Their results go much earlier.
    """
    before = _before(runs, message.older_than_days, settings.cleanup_inbox_days)
    run = await runs.begin("inbox", job, RESULTS, *(aging.name for aging in (*INBOX_TABLES, EVENTS, RUNS)))
    limit, size = TimeLimit(settings.cleanup_seconds), settings.cleanup_page_rows
    done = await forget_old_results(run, runs.now() - timedelta(days=settings.result_days), limit=limit, size=size)
    done = done and await delete_old_inbox_rows(run, before, limit=limit, size=size)
    for aging in (EVENTS, RUNS):
        done = done and await delete_old_rows(run, aging, before, limit=limit, size=size)
    _end(run, job, message, done=done)


async def clean_claims(
    message: CleanClaims, job: Job, *, objects: ObjectStore, runs: CleanupRuns, settings: MaintenanceSettings
) -> None:
    """Delete claim checks whose date has passed (UTC)."""
    before = _before(runs, message.older_than_days, settings.cleanup_claims_days).date()
    run = await runs.begin("claims", job, CLAIMS)
    limit = TimeLimit(settings.cleanup_seconds)
    done = await delete_expired_claims(run, objects, before, limit=limit, size=settings.cleanup_page_rows)
    _end(run, job, message, done=done)


async def clean_files(
    message: CleanFiles,
    job: Job,
    *,
    objects: ObjectStore,
    transfers: ObjectTransfers,
    runs: CleanupRuns,
    settings: MaintenanceSettings,
) -> None:
    """Delete orphaned files: uploads that never completed, rows without an owner, objects without a row.

    Never a file that somebody owns, however old; only an upload that never completed is taken from its owner.
    """
    before = _before(runs, message.older_than_days, settings.cleanup_files_days)
    run = await runs.begin("files", job, EXPIRED, FORGOTTEN, KEYS.name, OWNERLESS, ABANDONED, WITHOUT_ROW)
    limit, size, after = TimeLimit(settings.cleanup_seconds), settings.cleanup_page_rows, message.after
    done = await end_expired_uploads(run, transfers, runs.now(), limit=limit, size=size)
    done = done and await abort_unknown_uploads(run, transfers, before, limit=limit, size=size)
    done = done and await delete_old_rows(run, KEYS, runs.now() - KEYS_KEPT, limit=limit, size=size)
    done = done and await disown_abandoned_uploads(run, before, limit=limit, size=size)
    done = done and await delete_ownerless_files(run, objects, limit=limit, size=size)
    if done:
        walk = await delete_orphaned_objects(run, objects, before, after=after, limit=limit, size=size)
        done, after = walk.done, walk.after[0] if walk.after else after
    if done:
        run.keep("files_with_owner", await count_rows(runs.database, files.c.user_id.is_not(None)))
    _end(run, job, msgspec.structs.replace(message, after=after), done=done)


async def _clean_rows(
    message: Message, job: Job, aging: AgingTable, *, before: datetime, runs: CleanupRuns, settings: MaintenanceSettings
) -> None:
    run = await runs.begin(message.TYPE.partition(".")[2], job, aging.name)
    limit = TimeLimit(settings.cleanup_seconds)
    done = await delete_old_rows(run, aging, before, limit=limit, size=settings.cleanup_page_rows)
    _end(run, job, message, done=done)


def _end(run: CleanupRun, job: Job, onward: Message, *, done: bool) -> None:
    """End the run; where it is not done, a successor with the message `onward` goes on."""
    run.finish(job, done=done)
    if not done:
        enqueue_successor(job, onward)


def _before(runs: CleanupRuns, asked_days: int | None, setting_days: int) -> datetime:
    """Return the age limit. A message may lengthen a retention, and never shorten it below the setting."""
    return runs.now() - timedelta(days=max(asked_days or 0, setting_days))
