"""PostgreSQL behind PgBouncer in transaction mode: `pgbouncer=true` in the URL, and everything works as without it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from nightshift.database import Database, PoolLimits, migrate, open_database
from nightshift.database.tables import processed_messages
from nightshift.messaging import inbox
from nightshift.messaging.job import Job
from nightshift.outcomes import Unavailable
from nightshift.worker.commit import Committer
from tests.pooler import transaction_pooler

SERVERS = 2
"""Connections to the server, for many more of ours."""


@pytest.fixture(scope="module")
async def pooler(postgres_url: str) -> AsyncIterator[str]:
    """A pooler in front of a database without tables."""
    async with transaction_pooler(postgres_url, size=SERVERS) as url:
        yield url


@pytest.fixture(scope="module")
async def lent(pooler: str) -> AsyncIterator[Database]:
    """A migrated database behind it."""
    url = f"{pooler}?pgbouncer=true"
    assert len(await migrate(url)) == 2
    database = open_database(url, connections=8)
    yield database
    await database.close()


def job() -> Job:
    """One of its own."""
    name = uuid4().hex
    return Job(service="test", type="test.pooled", id=name, key=name)


async def test_jobs_commit_once_through_a_pooler(lent: Database) -> None:
    """Forty at a time over two connections of the server, each asked for and committed; a second time is told."""
    committer = Committer(lent)

    async def work(one: Job) -> tuple[bool, bool, bool]:
        before = await lent.ask(lambda connection: bool(inbox.done(connection, [inbox.key_of(one)])))
        async with lent.read() as connection:
            await connection.execute(select(processed_messages).limit(1))
        committed = await committer.commit(one)
        async with lent.write() as connection:
            await connection.execute(text("SELECT 1 FROM nightshift.processed_messages FOR UPDATE SKIP LOCKED"))
        return before, committed, await committer.is_done(one)

    jobs = [job() for _ in range(40)]
    assert set(await asyncio.gather(*map(work, jobs))) == {(False, True, True)}
    assert await asyncio.gather(*map(committer.commit, jobs)) == [False] * 40
    await lent.probe()


async def test_time_limits_hold_within_each_transaction(pooler: str, lent: Database) -> None:
    """And are gone from the server's connection afterwards, which is another client's then."""
    del lent
    quick = open_database(f"{pooler}?pgbouncer=true", limits=PoolLimits(statement_seconds=0.3))
    with pytest.raises(Exception, match="statement timeout"):
        async with quick.write() as connection:
            await connection.execute(text("SELECT pg_sleep(5)"))
    patient = open_database(f"{pooler}?pgbouncer=true")
    for database, expected in ((quick, "300ms"), (patient, "30s")) * SERVERS:
        async with database.read() as connection:
            assert (await connection.execute(text("SHOW statement_timeout"))).scalar() == expected
            assert (await connection.execute(text("SHOW transaction_read_only"))).scalar() == "on"
    await quick.close()
    await patient.close()


async def test_without_the_option_the_outage_names_it(pooler: str) -> None:
    """The pooler refuses our settings: jobs wait, and the text says what to do."""
    database = open_database(pooler)
    with pytest.raises(Unavailable, match=r"unsupported startup parameter.*needs the option pgbouncer=true"):
        await database.probe()
    await database.close()


async def test_a_pooler_that_ignores_our_settings_is_noticed_too(postgres_url: str, lent: Database) -> None:
    """Statements are then not where they were prepared: an outage that names the option, and no attempt is counted."""
    del lent
    ignored = "ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout"
    async with transaction_pooler(postgres_url, size=SERVERS, more=ignored) as url:
        database, other = open_database(url, connections=1), open_database(url)
        await _look(database)
        async with other.write() as connection:  # takes the connection on which that statement was prepared
            await connection.execute(text("SELECT 1"))
            with pytest.raises(Unavailable, match=r"prepared statement .*needs the option pgbouncer=true"):
                await _look(database)
        await database.close()
        await other.close()


async def _look(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(select(processed_messages).limit(1))
