"""The daily cleanup, run by hand: what it deletes, what it keeps, and why."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Table, delete, insert, select

from contracts.maintenance import CleanFiles
from demo.runner import Stage
from nightshift.config.env_settings import load
from nightshift.contract.cron import ScheduleFired, manual_subject
from nightshift.database.tables import processed_messages
from nightshift.messaging.job import Job
from nightshift.objects import ObjectMissingError
from nightshift.runtime.object_stores import object_transfers
from nightshift.worker.commit import Committer
from schema.tables import activity_logs, cleanup_runs, files, sessions, users
from services.maintenance.cleanup_runs import CleanupRuns
from services.maintenance.handlers import clean_files, job_id_of
from services.maintenance.metrics import CleanupMetrics
from services.maintenance.settings import MaintenanceSettings

_KINDS = ("sessions", "activity", "files", "claims", "inbox")
_DAY = timedelta(days=1)
_STRAY, _SHARED, _UNUSED = "uploads/cleanup/no-row", "thumbnails/cleanup-shared.webp", "thumbnails/cleanup-unused.webp"


async def play(stage: Stage) -> None:
    """Leave something of every kind, old and new, clean up, and look again eight days later."""
    stage.begin("cleanup", "expired sessions, old logs, orphaned files, claim checks, inbox rows")
    now = datetime.now(UTC)
    expired, needed = (_claim(now + days * _DAY) for days in (-1, 45))
    await _leave(stage, now, expired, needed)
    event = ScheduleFired(name="cleanup.daily", schedule="0 0 * * *", time_zone="UTC", due=now, announced=now)
    body = msgspec.json.encode(event)
    stage.note(f"$ nats pub {manual_subject('cleanup.daily')} '{body.decode()}'")
    stage.connection.send(manual_subject("cleanup.daily").encode(), body)
    await stage.connection.flush()
    done = await stage.expect(
        "the event becomes five jobs, each with its counts",
        lambda: runs_of(stage, now),
        where="table cleanup_runs",
    )
    for run in done or []:
        stage.note(f"{run['kind']}: deleted {_said(run['deleted'])}; kept {_said(run['kept'])}")
    await _rows(stage)
    await _objects(stage, expired, needed)
    await _eight_days_later(stage, now + 8 * _DAY)


async def runs_of(stage: Stage, due: datetime) -> list[Any]:
    """Return the runs for the event of this due time, once all five have ended."""
    job_id = job_id_of("cleanup.daily", due)
    found = await stage.rows(select(cleanup_runs).where(cleanup_runs.c.job_id == job_id, cleanup_runs.c.done))
    return found if {run["kind"] for run in found} >= set(_KINDS) else []


async def _leave(stage: Stage, now: datetime, expired: str, needed: str) -> None:
    """Leave two of each: one that is to be deleted, and a similar one that is not."""
    people = [{"id": f"cleanup-{name}", "email": f"{name}@example.com"} for name in ("stays", "leaves")]
    await _insert(stage, users, people)
    await _insert(stage, sessions, [_session("expired", now - _DAY), _session("live", now + _DAY)])
    await _insert(stage, activity_logs, [_entry("old", now - 31 * _DAY), _entry("new", now - 29 * _DAY)])
    done = {"consumer": "demo", "type": "demo.done"}
    ages = [{"id": "cleanup-old", "processed_at": now - 61 * _DAY}, {"id": "cleanup-new", "processed_at": now}]
    await _insert(stage, processed_messages, [done | age for age in ages])
    rows = [
        _file("owned", "stays", now - 400 * _DAY, thumbnail_key=_SHARED),
        _file("orphan", "leaves", now - _DAY, thumbnail_key=_SHARED),
        _file("incomplete", "stays", now - 8 * _DAY, status="pending"),
        _file("in-progress", "stays", now, status="pending"),
    ]
    for key in (*(row["object_key"] for row in rows), _STRAY, _SHARED, _UNUSED, expired, needed):
        await stage.objects.put(key, b"demo", "application/octet-stream")
    await _insert(stage, files, rows)
    async with stage.database.write() as connection:
        await connection.execute(delete(users).where(users.c.id == "cleanup-leaves"))


async def _rows(stage: Stage) -> None:
    where = str(stage.stack.database)
    for table, text, left in (
        (sessions, "of two sessions the expired one is gone", ["cleanup-live"]),
        (activity_logs, "of two log entries the one of 31 days is gone, that of 29 stays", ["cleanup-new"]),
        (processed_messages, "of two inbox rows the one of 61 days is gone", ["cleanup-new"]),
        (files, "a file of 400 days stays: somebody owns it", ["cleanup-in-progress", "cleanup-owned"]),
    ):
        found = await _ids(stage, table.c.id)
        await stage.expect(text, lambda found=found, left=left: found == left, where=where)  # type: ignore[misc]  # bound now


async def _objects(stage: Stage, expired: str, needed: str) -> None:
    for text, key, stays in (
        ("the object of a file whose owner is gone is gone too", "uploads/cleanup/orphan", False),
        ("so is that of an upload that never completed", "uploads/cleanup/incomplete", False),
        ("an upload in progress keeps its object", "uploads/cleanup/in-progress", True),
        ("the owned file keeps its object", "uploads/cleanup/owned", True),
        ("an object without a row stays: it may be an upload in progress", _STRAY, True),
        ("a claim check is gone when its date has passed", expired, False),
        ("another stays until then", needed, True),
    ):
        await _expect_object(stage, text, key, stays=stays)


async def _eight_days_later(stage: Stage, later: datetime) -> None:
    """Run the same handler with a clock that is ahead: the age of an object cannot be set."""
    stage.note("the cleanup of files once more, with a clock that is eight days ahead")
    settings = load(MaintenanceSettings, stage.stack.environment())
    runs = CleanupRuns(stage.database, CleanupMetrics(_KINDS), lambda: later)
    job = Job("maintenance", CleanFiles.TYPE, "demo-later", "demo-later")
    transfers = object_transfers(settings)
    await clean_files(CleanFiles(), job, objects=stage.objects, transfers=transfers, runs=runs, settings=settings)
    await transfers.close()
    await Committer(stage.database).commit(job)
    await _expect_object(stage, "by then the object without a row is gone", _STRAY, stays=False)
    await _expect_object(stage, "so is a thumbnail that no file uses", _UNUSED, stays=False)
    await _expect_object(stage, "one that the orphan shared with an owned file stays", _SHARED, stays=True)


async def _expect_object(stage: Stage, text: str, key: str, *, stays: bool) -> None:
    async def as_told() -> bool:
        try:
            await stage.objects.stat(key)
        except ObjectMissingError:
            return not stays
        return stays

    await stage.expect(text, as_told, where=f"object {key}", timeout_seconds=5)


async def _insert(stage: Stage, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    async with stage.database.write() as connection:
        await connection.execute(insert(table), list(rows))


async def _ids(stage: Stage, column: Column[str]) -> list[str]:
    rows = await stage.rows(select(column).where(column.startswith("cleanup-")).order_by(column))
    return [row["id"] for row in rows if not row["id"].startswith("cleanup-daily-")]


def _session(name: str, expires_at: datetime) -> dict[str, Any]:
    return {"id": f"cleanup-{name}", "user_id": "cleanup-stays", "expires_at": expires_at}


def _entry(name: str, created_at: datetime) -> dict[str, Any]:
    return {"id": f"cleanup-{name}", "action": "login", "details": {}, "created_at": created_at}


def _file(name: str, owner: str, created_at: datetime, **more: Any) -> dict[str, Any]:
    row = {"id": f"cleanup-{name}", "user_id": f"cleanup-{owner}", "object_key": f"uploads/cleanup/{name}"}
    rest = {"original_name": f"{name}.bin", "status": "processed", "thumbnail_key": None, "created_at": created_at}
    return row | rest | more


def _claim(date: datetime) -> str:
    return f"claims/{date.date()}/{hashlib.sha256(str(date).encode()).hexdigest()}"


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()) or "nothing"
