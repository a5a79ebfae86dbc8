"""Plain functions that are run whole: a question, or a transaction."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from nightshift.database import Database
from schema.tables import users

ADD = insert(users)


def adding(name: str) -> Callable[[Connection], None]:
    """Work that adds a user."""

    def add(connection: Connection) -> None:
        connection.execute(ADD, {"id": name, "email": f"{name}@example.com"})

    return add


def counting(*names: str) -> Callable[[Connection], int]:
    """A question: how many of these users there are."""
    query = select(func.count()).select_from(users).where(users.c.id.in_(names))
    return lambda connection: connection.execute(query).scalar_one()


async def test_what_was_committed_is_answered_at_once(database: Database) -> None:
    """A question sees every transaction that has returned."""
    name = uuid4().hex
    assert await database.ask(counting(name)) == 0
    await database.commit(adding(name))
    assert await database.ask(counting(name)) == 1


async def test_a_transaction_returns_what_its_function_does(database: Database) -> None:
    """Read in the same transaction that wrote it."""
    name = uuid4().hex

    def work(connection: Connection) -> int:
        adding(name)(connection)
        return counting(name)(connection)

    assert await database.commit(work) == 1


async def test_an_error_undoes_the_transaction_and_passes_unchanged(database: Database) -> None:
    """The very object is raised, and the next transaction begins afresh."""
    name, error = uuid4().hex, ValueError("mine")

    def work(connection: Connection) -> None:
        adding(name)(connection)
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        await database.commit(work)

    assert caught.value is error
    assert await database.ask(counting(name)) == 0
    await database.commit(adding(name))


async def test_whole_transactions_and_open_ones_wait_for_each_other(database: Database) -> None:
    """However they are mixed, none is lost and none fails."""
    names = [uuid4().hex for _ in range(40)]

    async def open_one(name: str) -> None:
        async with database.write() as connection:
            await connection.run_sync(adding(name))

    halves = zip(names[::2], names[1::2], strict=True)
    await asyncio.gather(*(work for one, other in halves for work in (database.commit(adding(one)), open_one(other))))
    assert await database.ask(counting(*names)) == len(names)
