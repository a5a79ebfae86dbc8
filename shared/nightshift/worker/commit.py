"""Commits jobs: inbox row, effects and outbox rows, in one short transaction shared by those that finish together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, insert
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.batcher import Batcher
from nightshift.database import Database
from nightshift.database.many_rows import execute_many
from nightshift.database.tables import outbox as outbox_table
from nightshift.instants import utc_now
from nightshift.messaging import inbox, outbox
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable

MAX_GROUP = 500
"""Jobs in one transaction: beyond it the gain is small, and a bad one costs more."""
_OUTBOX = insert(outbox_table)


class Committer:
    """Commits jobs of one service, each exactly once, in groups."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database, self._now = database, now
        self._commits: Batcher[Job, bool] = Batcher(self._commit, max_size=MAX_GROUP)
        self._lookups: Batcher[inbox.Key, bool] = Batcher(self._look_up, max_size=MAX_GROUP)

    async def commit(self, job: Job) -> bool:
        """Make the job's effects happen; return False when they had happened already, and nothing was done.

        Raises:
            Unavailable: the database is unavailable; nothing happened.
            Exception: whatever the job's own effects raise; nothing of this job happened.
        """
        return await self._commits(job)

    async def commit_all(self, jobs: Sequence[Job]) -> Sequence[bool | Exception]:
        """Do for each job what `commit` does; return what it would have returned, or raised, in order."""
        return await self._commits.together(jobs)

    async def is_done(self, job: Job) -> bool:
        """Return whether the job's effects have happened already.

        Raises:
            Unavailable: the database is unavailable.
        """
        (done,) = await self._done([inbox.key_of(job)])
        return done

    async def are_done(self, jobs: Sequence[Job]) -> Sequence[bool | Exception]:
        """Return of each job that is to begin, in order, whether its effects have happened already.

        `Unavailable` where they could not happen now either.
        """
        return await self._lookups.together([inbox.key_of(job) for job in jobs])

    async def _look_up(self, keys: Sequence[inbox.Key]) -> list[bool]:
        # What a handler does outside is not undone: with a full disk, a burst after a pause would send all its mails.
        await self._database.expect_to_write()
        return await self._done(keys)

    async def _done(self, keys: Sequence[inbox.Key]) -> list[bool]:
        found = await self._database.ask(lambda connection: inbox.done(connection, keys))
        return [key in found for key in keys]

    async def _commit(self, jobs: Sequence[Job]) -> list[bool | Exception]:
        """Commit all in one transaction; if it fails each gets its own, so that a bad one spoils nobody else's."""
        results: dict[int, bool | Exception] = {}
        if recorded := [job for job in jobs if job.recorded]:
            await self._look_for(recorded, results)
        first: dict[inbox.Key, Job] = {}
        for job in jobs:
            if not job.recorded:
                first.setdefault(inbox.key_of(job), job)
        if first:
            await self._commit_group(list(first.values()), results)
        for job in jobs:  # the same job twice in one group: the second finds the row of the first
            if id(job) not in results:
                await self._commit_group([job], results)
        return [results[id(job)] for job in jobs]

    async def _look_for(self, jobs: list[Job], results: dict[int, bool | Exception]) -> None:
        """Believe no handler that has recorded its job as done: its transaction may have been rolled back."""
        try:
            done = await self._done([inbox.key_of(job) for job in jobs])
        except Unavailable as error:
            results.update({id(job): error for job in jobs})
            return
        for job, is_done in zip(jobs, done, strict=True):
            results[id(job)] = is_done or RuntimeError(
                f"{job.type}: the transaction that called record_done was not committed in the database of DATABASE_URL"
            )

    async def _commit_group(self, jobs: list[Job], results: dict[int, bool | Exception]) -> None:
        try:
            await self._write(jobs)
        except Unavailable as error:
            results.update({id(job): error for job in jobs})
        except _AlreadyDoneError:
            await self._retry_without_done(jobs, results)
        except Exception as error:  # noqa: BLE001 - a handler's effect may raise anything
            if len(jobs) == 1:
                results[id(jobs[0])] = error
                return
            for job in jobs:
                await self._commit_group([job], results)
        else:
            results.update({id(job): True for job in jobs})

    async def _retry_without_done(self, jobs: list[Job], results: dict[int, bool | Exception]) -> None:
        """Commit those that were not done before, in one transaction."""
        if len(jobs) == 1:
            results[id(jobs[0])] = False
            return
        try:
            done = await self._done([inbox.key_of(job) for job in jobs])
        except Unavailable as error:
            results.update({id(job): error for job in jobs})
            return
        results.update({id(job): False for job, was_done in zip(jobs, done, strict=True) if was_done})
        left = [job for job, was_done in zip(jobs, done, strict=True) if not was_done]
        for group in [left] if left and len(left) < len(jobs) else [[job] for job in left]:
            await self._commit_group(group, results)

    async def _write(self, jobs: list[Job]) -> None:
        now = self._now()
        if not any(job.steps for job in jobs):
            await self._database.commit(lambda connection: _finish(_begin(connection, jobs, now), jobs, now))
            return
        with _restored_on_error(jobs):
            async with self._database.write() as connection:
                await connection.run_sync(_begin, jobs, now)
                for job in jobs:
                    await _run_steps(job, connection)
                await connection.run_sync(_finish, jobs, now)


@contextmanager
def _restored_on_error(jobs: list[Job]) -> Iterator[None]:
    """Take out what the jobs' steps have recorded when the transaction is rolled back: they will run again."""
    recorded = [(job, len(job.steps), len(job.follow_ups), len(job.notices)) for job in jobs]
    try:
        yield
    except BaseException:
        for job, steps, follow_ups, notices in recorded:
            del job.steps[steps:], job.follow_ups[follow_ups:], job.notices[notices:]
        raise


async def _run_steps(job: Job, connection: AsyncConnection) -> None:
    writes, result = len(job.writes), job.result_json
    for step in job.steps:
        await step(connection)
    if len(job.writes) > writes:
        del job.writes[writes:]
        raise RuntimeError(
            f"{job.type}: job.write() inside a step of the transaction comes too late: use its connection to execute"
        )
    if job.result_json is not result:
        job.result_json = result
        raise RuntimeError(f"{job.type}: job.result set inside a step of the transaction comes too late: set it before")


class _AlreadyDoneError(Exception):
    """Some of these jobs are done already: nothing may be committed with them."""


def _begin(connection: Connection, jobs: list[Job], now: datetime) -> Connection:
    if not inbox.enter(connection, jobs, now):
        raise _AlreadyDoneError
    for statement, values in _grouped(jobs):
        if values:
            execute_many(connection, statement, values)
        else:
            connection.execute(statement)
    return connection


def _finish(connection: Connection, jobs: list[Job], now: datetime) -> None:
    """Write the follow-ups last: a step of the transaction may have added some."""
    rows = [row for job in jobs for row in outbox.rows_of(job, now)]
    if rows:
        execute_many(connection, _OUTBOX, rows)


def _grouped(jobs: Sequence[Job]) -> list[tuple[Executable, list[Mapping[str, Any]]]]:
    """Return the jobs' statements with equal ones merged into one call; each job's own keep their order.

    Only values with the same keys are merged: rows in one executemany must have the same keys.
    """
    groups: list[tuple[Executable, list[Mapping[str, Any]]]] = []
    for position in range(max((len(job.writes) for job in jobs), default=0)):
        merged: dict[tuple[int, *tuple[str, ...]], tuple[Executable, list[Mapping[str, Any]]]] = {}
        for job in jobs:
            if position < len(job.writes):
                statement, values = job.writes[position]
                if values is None:
                    groups.append((statement, []))
                else:
                    merged.setdefault((id(statement), *values), (statement, []))[1].append(values)
        groups.extend(merged.values())
    return groups
