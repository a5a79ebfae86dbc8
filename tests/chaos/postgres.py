"""Faults of PostgreSQL: how a database goes away."""

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.engine import make_url

from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def postgres_cut(world: World, _dice: random.Random) -> None:
    """Every connection to the database is cut, amid whatever it does."""
    async with _beside(world) as (connection, name):
        await _cut(connection, name)


async def postgres_away(world: World, dice: random.Random) -> None:
    """Every connection is cut, and for a while none is let in."""
    async with _beside(world) as (connection, name):
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            await _cut(connection, name)
            await asyncio.sleep(dice.uniform(3, 8))
        finally:
            await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


async def postgres_locked(world: World, dice: random.Random) -> None:
    """Somebody holds the inbox's table: commits wait."""
    connection = await asyncpg.connect(world.scale.database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE nightshift.processed_messages IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(dice.uniform(3, 8))
    except (asyncpg.PostgresError, OSError):  # another fault has cut this connection, too
        return
    finally:
        await connection.close(timeout=5)


async def _cut(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)


@asynccontextmanager
async def _beside(world: World) -> "AsyncIterator[tuple[asyncpg.Connection[asyncpg.Record], str]]":
    """A connection to another database of the same server, which the fault does not strike."""
    address = make_url(world.scale.database_url)
    connection = await asyncpg.connect(address.set(database="postgres").render_as_string(hide_password=False))
    try:
        yield connection, str(address.database)
    finally:
        await connection.close()
