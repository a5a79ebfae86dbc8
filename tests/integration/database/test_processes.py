"""Several processes on one database at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from nightshift.database import Database, history_states, migrate, open_database, sqlite_url
from nightshift.database.tables import processed_messages
from schema.tables import linked_accounts, users
from tests.integration.database import children

PROCESSES, ROUNDS = 3, 200


@pytest.fixture
async def counted(database: Database) -> AsyncIterator[Database]:
    """A database with a number in it that starts at nought."""
    async with database.write() as connection:
        await connection.execute(users.insert(), {"id": "u", "email": "u"})
        await connection.execute(
            linked_accounts.insert(), {"id": children.COUNTER, "user_id": "u", "service": "s", "generation": 0}
        )
    yield database
    async with database.write() as connection:
        await connection.execute(users.delete())


async def test_processes_that_write_at_once_lose_nothing(counted: Database) -> None:
    """Each reads, decides and writes in one transaction: none fails, none waits for ever, no step is lost."""
    done = await asyncio.gather(*(children.run("count", counted.url, str(ROUNDS)) for _ in range(PROCESSES)))

    assert done == [str(ROUNDS)] * PROCESSES
    async with counted.read() as connection:
        assert (await connection.execute(select(linked_accounts.c.generation))).scalar_one() == PROCESSES * ROUNDS
        rows = select(func.count()).select_from(processed_messages)
        assert (await connection.execute(rows)).scalar_one() == PROCESSES * ROUNDS


async def test_processes_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    """Services that all start on a new file wait for the one that migrates, and find the work done."""
    url = sqlite_url(tmp_path / "new.db")

    steps = await asyncio.gather(*(children.run("migrate", url) for _ in range(PROCESSES)))

    assert sorted(steps) == ["0", "0", "2"]


async def test_tasks_that_migrate_at_once_do_it_once(postgres_url: str) -> None:
    """The same on a server, under its advisory lock."""
    steps = await asyncio.gather(*(migrate(postgres_url) for _ in range(PROCESSES)))

    assert sorted(map(len, steps)) == [0, 0, 2]
    database = open_database(postgres_url)
    assert all(state.at == state.head for state in await history_states(database))
    await database.close()
