"""A group of jobs that is rolled back and committed one by one leaves what each job alone would have left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database import Database, migrate, open_database
from nightshift.database.tables import outbox, processed_messages
from nightshift.messaging.job import Job
from nightshift.worker.commit import Committer
from schema.tables import activity_logs
from tests.databases import database_of, kinds
from tests.harness import RECORD, FollowProbe


@pytest.fixture(params=kinds())
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of each kind at hand."""
    async with database_of(request.param, tmp_path) as url:
        await migrate(url)
        opened = open_database(url)
        yield opened
        await opened.close()


def _job(name: str) -> Job:
    return Job("probe", "probe.run", name, name)


def _deciding(name: str) -> Job:
    """A job that decides within the transaction what follows."""
    job = _job(name)
    job.write(RECORD, {"action": name})

    async def decide(connection: AsyncConnection) -> None:
        rows = len((await connection.execute(select(activity_logs.c.action))).all())
        job.enqueue(FollowProbe(name=f"after {rows}"))

    job.run_in_transaction(decide)
    return job


def _failing_in_a_statement() -> Job:
    job = _job("bad")
    job.write(RECORD, {"action": None})
    return job


def _failing_in_a_step() -> Job:
    job = _job("bad")

    async def fail(_: AsyncConnection) -> None:
        raise LookupError("no such row")

    job.run_in_transaction(fail)
    return job


def _failing_in_a_follow_up() -> Job:
    job = _job("bad")
    job.enqueue(FollowProbe(name=17))  # type: ignore[arg-type]  # the mistake that is to be found
    return job


FAILURES = [_failing_in_a_statement, _failing_in_a_step, _failing_in_a_follow_up]


async def _committed_together(database: Database, *jobs: Job) -> list[bool | BaseException]:
    """Commit the jobs as one group; the first call of the committer takes what is there, so another goes ahead."""
    committer = Committer(database)
    results = await asyncio.gather(*(committer.commit(job) for job in jobs), return_exceptions=True)
    return list(results)


async def _column(database: Database, column: object) -> list[str]:
    async with database.read() as connection:
        return sorted((await connection.execute(select(column))).scalars())  # type: ignore[call-overload]  # any column


@pytest.mark.parametrize("failing", FAILURES)
async def test_a_follow_up_decided_in_the_transaction_is_enqueued_once(
    database: Database, failing: Callable[[], Job]
) -> None:
    """Its group fails because of another job, so it decides a second time: there is one outbox row all the same."""
    first, failed = await _committed_together(database, _deciding("good"), failing())
    assert first is True
    assert isinstance(failed, Exception)
    assert await _column(database, outbox.c.id) == ["probe/probe.run/good/0"]
    assert await _column(database, activity_logs.c.action) == ["good"]
    assert await _column(database, processed_messages.c.id) == ["good"]


async def test_a_follow_up_of_a_job_beside_a_duplicate_is_enqueued_once(database: Database) -> None:
    """The group goes once more without the job that was done before."""
    await _committed_together(database, _job("done"))
    assert await _committed_together(database, _deciding("good"), _job("done")) == [True, False]
    assert await _column(database, outbox.c.id) == ["probe/probe.run/good/0"]


@pytest.mark.parametrize("failing", FAILURES)
async def test_steps_added_in_the_transaction_run_once(database: Database, failing: Callable[[], Job]) -> None:
    """A step that adds another one adds it anew when its group is tried again."""
    job = _job("good")

    async def outer(_: AsyncConnection) -> None:
        async def inner(connection: AsyncConnection) -> None:
            await connection.execute(RECORD, {"action": "inner"})

        job.run_in_transaction(inner)

    job.run_in_transaction(outer)
    results = await _committed_together(database, job, failing())
    assert results[0] is True
    assert await _column(database, activity_logs.c.action) == ["inner"]


async def test_a_write_inside_the_transaction_is_refused(database: Database) -> None:
    """The job's statements have run by then: it would be lost, so the attempt fails and says what to do."""
    job = _job("late")

    async def decide(_: AsyncConnection) -> None:
        job.write(RECORD, {"action": "too late"})

    job.run_in_transaction(decide)
    (result,) = await _committed_together(database, job)
    assert isinstance(result, RuntimeError)
    assert "use its connection" in str(result)
    assert await _column(database, processed_messages.c.id) == []
    assert await _column(database, activity_logs.c.action) == []
