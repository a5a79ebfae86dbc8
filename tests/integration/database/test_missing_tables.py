"""A database without the library's tables is an outage of ours: jobs wait until somebody has provisioned it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from nightshift.database import Database, migrate
from nightshift.housekeeping.lease import take_lease
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable
from nightshift.worker.commit import Committer

HINT = r"run `nightshift provision`"


async def test_a_job_waits_for_its_tables(empty: Database) -> None:
    """A worker that is deployed before its database is migrated burns no attempts, and says what is to be done."""
    committer, job = Committer(empty), Job("email", "email.send", "1", "1")

    for question in (committer.is_done(job), committer.commit(job), empty.probe()):
        with pytest.raises(Unavailable, match=HINT):
            await question

    await migrate(empty)
    await empty.probe()
    assert await committer.commit(job)


@pytest.mark.parametrize(("table", "column"), [("processed_messages", "outcome"), ("outbox", "service")])
async def test_a_worker_that_is_ahead_of_its_tables_waits_too(empty: Database, table: str, column: str) -> None:
    """The tables are those of the version before: it is not ready, pulls nothing, and says what is to be done."""
    await migrate(empty)
    where = f"nightshift.{table}" if empty.dialect == "postgresql" else table
    async with empty.write() as connection:
        await connection.execute(text(f"ALTER TABLE {where} RENAME COLUMN {column} TO not_yet"))
    with pytest.raises(Unavailable, match=rf"{column}.*{HINT}"):
        await empty.probe()


async def test_a_task_waits_for_its_tables(empty: Database) -> None:
    """So that the housekeeping of a worker is quiet about what the worker says already."""
    now = datetime.now(UTC)
    with pytest.raises(Unavailable, match=HINT):
        await take_lease(empty, "email", "sweep", now=now, until=now + timedelta(seconds=1))


async def test_a_table_of_somebody_else_is_the_statement_s_own_fault(database: Database) -> None:
    """A handler that asks for a table that is not there has failed: that costs an attempt."""
    with pytest.raises(DBAPIError, match="nobodys_table"):
        async with database.write() as connection:
            await connection.execute(text("SELECT 1 FROM nobodys_table"))
