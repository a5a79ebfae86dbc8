"""The record of a cleanup: its row in `cleanup_runs`, its line in the log, its numbers for Prometheus."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import uuid4

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift import Job
from nightshift.database import Database
from nightshift.housekeeping.tally import Counts, Tally, added
from nightshift.instants import utc_now
from nightshift.observability.log import get_logger
from schema.tables import cleanup_runs
from services.maintenance.metrics import CleanupMetrics

_BEGIN = insert(cleanup_runs)
_RECORD = (
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


@dataclass(kw_only=True)
class CleanupRun(Tally):
    """One delivery of a cleanup job.

    Its row is there from the beginning, and `deleted` is written in the transactions that delete: what a run that was
    cut off had deleted is counted too. Such a row stays without `finished_at`.
    """

    id: str
    kind: str
    job: Job
    started_at: datetime
    metrics: CleanupMetrics
    now: Callable[[], datetime]

    async def delete(self, write: Callable[[AsyncConnection], Awaitable[Counts]]) -> None:
        """Do a page's deletions and record what they deleted, in one transaction."""
        counts: Counts = {}

        async def recorded(connection: AsyncConnection) -> Counts:
            nonlocal counts
            counts = await write(connection)
            total = added(self.deleted, counts)
            await connection.execute(_RECORD, {"this_run": self.id, "now_deleted": total})
            return counts

        await super().delete(recorded)
        self.metrics.deleted(self.kind, counts)
        self.job.progress(None, f"deleted {_in_words(self.deleted)}")

    def finish(self, job: Job, *, done: bool) -> None:
        """End the run with the job's commit; not `done`, when a successor goes on."""
        finished_at = self.now()
        values = {"this_run": self.id, "now_kept": self.kept, "now_finished_at": finished_at, "now_done": done}
        job.write(_FINISH, values)
        job.result = {"deleted": self.deleted, "kept": self.kept, "done": done}
        job.after_commit(partial(self._tell, finished_at, done=done))

    def _tell(self, finished_at: datetime, *, done: bool) -> None:
        if done:
            self.metrics.done(self.kind, self.kept, finished_at.timestamp())
        _log.info(
            "cleaned",
            f"{self.kind}: deleted {_in_words(self.deleted)}; kept {_in_words(self.kept)}"
            + ("" if done else "; goes on"),
            kind=self.kind,
            deleted=self.deleted,
            kept=self.kept,
            done=done,
            seconds=round((finished_at - self.started_at).total_seconds(), 3),
        )


@dataclass(slots=True, frozen=True)
class CleanupRuns:
    """Begins runs of cleanups on one database."""

    database: Database
    metrics: CleanupMetrics
    now: Callable[[], datetime] = utc_now

    async def begin(self, kind: str, job: Job, *counted: str) -> CleanupRun:
        """Write the row of a run that will count these things as deleted."""
        run = CleanupRun(
            id=uuid4().hex,
            kind=kind,
            job=job,
            started_at=self.now(),
            database=self.database,
            metrics=self.metrics,
            now=self.now,
            deleted=dict.fromkeys(counted, 0),
        )
        row = {"id": run.id, "job_id": job.id, "kind": kind, "started_at": run.started_at, "deleted": run.deleted}
        async with self.database.write() as connection:
            await connection.execute(_BEGIN, row | {"kept": {}, "done": False})
        return run


def _in_words(counts: Counts) -> str:
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()) or "nothing"
