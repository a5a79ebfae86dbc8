"""A table that is changed under running workers costs nobody an attempt."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import Column, MetaData, Table, Text, insert, select, text

from nightshift import Job
from nightshift.contract.message import Message
from nightshift.database import Database, PoolLimits, migrate, open_database
from nightshift.outcomes import Unavailable
from nightshift.testing import perform_job

_THINGS = Table("things", MetaData(), Column("id", Text, primary_key=True), Column("size", Text))
_ALL = select(_THINGS.c.id, _THINGS.c.size)


class Look(Message):
    """A message of the tests."""

    SUBJECT = "jobs.test.look"


@pytest.fixture
async def worker(postgres_url: str) -> AsyncIterator[Database]:
    """The database of a worker with a table of its own, which another process changes."""
    await migrate(postgres_url, "none")
    database = open_database(postgres_url, connections=2, limits=PoolLimits(lock_seconds=0.3))
    await _alter(postgres_url, "DROP TABLE IF EXISTS things", "CREATE TABLE things (id TEXT PRIMARY KEY, size INTEGER)")
    yield database
    await database.close()


async def _alter(url: str, *statements: str) -> None:
    other = open_database(url)
    async with other.write() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await other.close()


async def test_single_statements_and_commits_are_tried_once_more(worker: Database) -> None:
    """Their statements are prepared anew, and nobody sees anything of it."""
    for change in ("BIGINT", "TEXT", "VARCHAR(9)"):
        await worker.ask(lambda connection: connection.execute(_ALL).all())
        await worker.commit(lambda connection: connection.execute(_ALL).all())
        await _alter(worker.url, f"ALTER TABLE things ALTER COLUMN size TYPE {change}")
        await worker.ask(lambda connection: connection.execute(_ALL).all())
        await _alter(worker.url, f"ALTER TABLE things ADD COLUMN at_{change[:3]} TEXT")
        await worker.commit(lambda connection: connection.execute(_ALL).all())


async def test_a_handler_waits_a_moment_and_burns_no_attempt(worker: Database) -> None:
    """What it has read cannot be read again for it: the job comes again, its attempt is not counted."""

    async def look(_: Look, job: Job) -> None:
        async with worker.read() as connection:
            await connection.execute(_ALL)
        job.write(insert(_THINGS), {"id": job.id, "size": "7"})

    await _alter(worker.url, "ALTER TABLE things ALTER COLUMN size TYPE TEXT")
    assert (await perform_job(look, Look(), database=worker)).outcome == "done"
    await _alter(worker.url, "ALTER TABLE things ALTER COLUMN size TYPE VARCHAR(10)")
    name = uuid4().hex
    first = await perform_job(look, Look(), database=worker, job_id=name)
    assert first.outcome == "unavailable"
    assert "a table was changed" in str(first.verdict)
    assert (await perform_job(look, Look(), database=worker, job_id=name)).outcome == "done"


async def test_a_table_that_is_locked_for_long_is_an_outage(worker: Database) -> None:
    """A change waits for its turn, and everybody behind it: jobs wait too, as on SQLite."""
    other = open_database(worker.url)
    async with other.write() as connection:
        await connection.execute(text("LOCK TABLE things IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Unavailable, match="lock timeout"):
            await worker.commit(lambda inner: inner.execute(_ALL).all())
    await other.close()
    await worker.commit(lambda inner: inner.execute(_ALL).all())
