"""Reading in one snapshot, writing in one transaction, on each kind of database."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from nightshift.database import Database
from schema.tables import users

ADD = users.insert()


def _user() -> dict[str, str]:
    return {"id": uuid4().hex, "email": f"{uuid4().hex}@example.com"}


async def _exists(database: Database, user: dict[str, str]) -> bool:
    async with database.read() as connection:
        return (await connection.execute(select(users.c.id).where(users.c.id == user["id"]))).first() is not None


async def test_what_was_written_is_there_after_the_block(database: Database) -> None:
    """Leaving the block commits."""
    user = _user()
    async with database.write() as connection:
        await connection.execute(ADD, user)

    assert await _exists(database, user)


async def test_an_error_in_the_block_undoes_all_and_passes_unchanged(database: Database) -> None:
    """Whatever is raised inside a write is raised outside, the same object, and nothing was written."""
    user, error = _user(), ValueError("mine")

    async def add_and_fail() -> None:
        async with database.write() as connection:
            await connection.execute(ADD, user)
            raise error

    with pytest.raises(ValueError, match="mine") as caught:
        await add_and_fail()

    assert caught.value is error
    assert not await _exists(database, user)


async def test_a_duplicate_is_the_statements_error(database: Database) -> None:
    """A broken constraint is no outage, the inbox lives on that; what was written stays out of its text."""
    user = _user()
    async with database.write() as connection:
        await connection.execute(ADD, user)

    with pytest.raises(IntegrityError) as caught:
        async with database.write() as connection:
            await connection.execute(ADD, user)

    assert user["email"] not in str(caught.value)


async def test_a_reader_sees_one_moment(database: Database) -> None:
    """What others commit during a read does not show in it, and shows in the next one."""
    count = select(func.count()).select_from(users)
    async with database.read() as reading:
        before = (await reading.execute(count)).scalar_one()
        async with database.write() as connection:
            await connection.execute(ADD, _user())
        assert (await reading.execute(count)).scalar_one() == before

    async with database.read() as reading:
        assert (await reading.execute(count)).scalar_one() == before + 1


async def test_a_reader_cannot_write(database: Database) -> None:
    """Writing inside a read is the caller's mistake, said at once, and not an outage that would be waited for."""
    user = _user()

    with pytest.raises(DBAPIError, match=r"read-?only"):
        async with database.read() as connection:
            await connection.execute(ADD, user)

    assert not await _exists(database, user)


async def test_many_tasks_write_at_the_same_time(database: Database) -> None:
    """Writers of one process wait for each other, and none is lost."""
    added = [_user() for _ in range(50)]

    async def add(user: dict[str, str]) -> None:
        async with database.write() as connection:
            await connection.execute(ADD, user)

    await asyncio.gather(*map(add, added))

    async with database.read() as connection:
        found = await connection.execute(
            select(func.count()).select_from(users).where(users.c.id.in_([user["id"] for user in added]))
        )
        assert found.scalar_one() == len(added)


async def test_many_tasks_read_while_one_writes(database: Database) -> None:
    """Readers never wait for a writer, nor it for them."""
    async with asyncio.timeout(10), database.write() as connection:
        await connection.execute(ADD, _user())
        outcomes = await asyncio.gather(*(_exists(database, _user()) for _ in range(20)))

    assert not any(outcomes)


async def test_a_cancelled_writer_leaves_no_lock(database: Database) -> None:
    """A handler that is cancelled in its transaction writes nothing, and others go on at once."""
    inside, user = asyncio.Event(), _user()

    async def hang() -> None:
        async with database.write() as connection:
            await connection.execute(ADD, user)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(5), database.write() as connection:
        await connection.execute(ADD, _user())
    assert not await _exists(database, user)


async def test_a_writer_cancelled_while_it_waits_leaves_no_lock(database: Database) -> None:
    """Cancelled in the queue for the lock, a writer neither writes nor keeps others out afterwards."""

    async def add() -> None:
        async with database.write() as connection:
            await connection.execute(ADD, _user())

    async with database.write() as connection:
        await connection.execute(ADD, _user())
        waiting = [asyncio.create_task(add()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    async with asyncio.timeout(5):
        await add()


async def test_the_probe_changes_nothing_and_succeeds(database: Database) -> None:
    """A database that works passes its probe, also in several processes and tasks at once."""
    await asyncio.gather(*(database.probe() for _ in range(5)))
