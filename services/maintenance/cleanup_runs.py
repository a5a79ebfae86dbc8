"""The record of a cleanup: its row in `cleanup_runs`, its line in the log, its numbers for Prometheus."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging.job import Job
from nightshift.observability.log import get_logger
from schema.tables import cleanup_runs
from services.maintenance.metrics import CleanupMetrics

Counts = Mapping[str, int]
"""How many, by what was counted."""

_BEGIN = insert(cleanup_runs)
_NOTE = (
    update(cleanup_runs)
    .where(cleanup_runs.c.id == bindparam("this_run"))
    .values(deleted=bindparam("now_deleted", type_=cleanup_runs.c.deleted.type))
)
_FINISH = (
    update(cleanup_runs)
    .where(cleanup_runs.c.id == bindparam("this_run"))
    .values(
        {name: bindparam(f"now_{name}", type_=cleanup_runs.c[name].type) for name in ("kept", "finished_at", "done")}
    )
)
_log = get_logger("cleanup")


@dataclass(slots=True)
class Run:
    """What one delivery of a cleanup job does.

    The row is there from the beginning, and its `deleted` is written in the transactions that delete: what a run that
    was cut off had deleted is counted too. Such a row stays without `finished_at`.
    """

    id: str
    kind: str
    started_at: datetime
    database: Database
    metrics: CleanupMetrics
    now: Callable[[], datetime]
    deleted: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    async def page(self, write: Callable[[AsyncConnection], Awaitable[Counts]]) -> None:
        """Does a page's writes and notes what they deleted, in one transaction."""
        async with self.database.write() as connection:
            counts = await write(connection)
            total = _sum(self.deleted, counts)
            await connection.execute(_NOTE, {"this_run": self.id, "now_deleted": total})
        self.deleted = total
        self.metrics.deleted(self.kind, counts)

    async def note(self, counts: Counts) -> None:
        """Notes what a page deleted that writes nothing to the database."""

        async def nothing(_: AsyncConnection) -> Counts:
            return counts

        if any(counts.values()):
            await self.page(nothing)

    def keep(self, what: str, count: int) -> None:
        """Counts what was looked at and kept."""
        self.kept = _sum(self.kept, {what: count})

    def finish(self, job: Job, *, done: bool) -> None:
        """Ends the run with the job's commit; not `done`, when a successor goes on."""
        finished_at = self.now()
        values = {"this_run": self.id, "now_kept": self.kept, "now_finished_at": finished_at, "now_done": done}
        job.write(_FINISH, values)
        if done:
            self.metrics.done(self.kind, self.kept, finished_at.timestamp())
        _log.info(
            "cleaned",
            f"{self.kind}: deleted {_said(self.deleted)}; kept {_said(self.kept)}" + ("" if done else "; goes on"),
            kind=self.kind,
            deleted=self.deleted,
            kept=self.kept,
            done=done,
            seconds=round((finished_at - self.started_at).total_seconds(), 3),
        )


@dataclass(slots=True, frozen=True)
class Runs:
    """Begins runs of cleanups on one database."""

    database: Database
    metrics: CleanupMetrics
    now: Callable[[], datetime] = utc_now

    async def begin(self, kind: str, job: Job, *counted: str) -> Run:
        """Writes the row of a run that will count these things as deleted."""
        run = Run(uuid4().hex, kind, self.now(), self.database, self.metrics, self.now, dict.fromkeys(counted, 0))
        row = {"id": run.id, "job_id": job.id, "kind": kind, "started_at": run.started_at, "deleted": run.deleted}
        async with self.database.write() as connection:
            await connection.execute(_BEGIN, row | {"kept": {}, "done": False})
        return run


def _sum(one: Counts, other: Counts) -> dict[str, int]:
    return {what: one.get(what, 0) + other.get(what, 0) for what in (*one, *(new for new in other if new not in one))}


def _said(counts: Counts) -> str:
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()) or "nothing"
