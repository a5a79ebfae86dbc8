"""One database for a process: reading in one consistent snapshot, writing in one short transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database import addresses
from shared.database.outages import outages
from shared.database.postgres import Limits, postgres_engine
from shared.database.sqlite import check_space, sqlite_engine
from shared.outcomes import Unavailable


class Database:
    """Hands out connections; opened by `open_database`, connects on first use, usable by many tasks at once.

    Every method raises `Unavailable("database", …)` when the database is away, locked, full or read-only.
    """

    def __init__(self, engine: AsyncEngine, reading: AsyncEngine, *, url: str) -> None:
        self.engine = engine
        """The engine that writes."""
        self.url = url
        self.place = addresses.place(addresses.parse(url))
        """Which database it is, for logs and errors: without the password."""
        self._reading = reading

    @property
    def dialect(self) -> str:
        """`postgresql` or `sqlite`, for the few statements that differ."""
        return self.engine.dialect.name

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction that sees one consistent snapshot and cannot write; it ends with a rollback."""
        with outages(self.place, writing=False) as stage:
            async with self._reading.connect() as connection:
                stage.connected = True
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction that writes: committed at the end of the block, rolled back when it raises.

        On SQLite it waits for the other writers at its start, so keep it short and do no outside work in it.
        """
        with outages(self.place) as stage:
            async with self.engine.connect() as connection:
                stage.connected = True
                async with connection.begin():
                    yield connection

    async def probe(self) -> None:
        """Tries whether a job could commit now.

        Raises:
            Unavailable: it could not; the text says why.
        """
        if self.dialect == "sqlite":
            await asyncio.to_thread(check_space, self.engine.url)
        async with self.write() as connection:
            if self.dialect == "sqlite":
                # Writes one page: a disk that lets nobody write would let mere reading pass.
                await connection.execute(text("PRAGMA user_version = 1"))
            elif (await connection.execute(text("SHOW transaction_read_only"))).scalar() == "on":
                raise Unavailable("database", f"{self.place}: it is read-only (a standby?)")

    async def close(self) -> None:
        """Closes all connections."""
        await self._reading.dispose()
        await self.engine.dispose()


def open_database(url: str, *, connections: int = 5, limits: Limits | None = None) -> Database:
    """Opens the database of a URL: `postgresql://user:password@host:port/name` or `sqlite:////folder/file.db`.

    Connects to nothing yet. `connections` are kept per process (PostgreSQL: as many more at peaks; SQLite: for
    reading, beside the one that writes).

    Raises:
        ValueError: the URL is not one of these.
    """
    address = addresses.parse(url)
    if address.get_backend_name() == "sqlite":
        # One writer at a time is all that SQLite allows: inside a process they queue here, in turn and at no cost.
        writing = sqlite_engine(address, writes=True, connections=1)
        return Database(writing, sqlite_engine(address, writes=False, connections=connections), url=url)
    engine = postgres_engine(address, connections=connections, limits=limits or Limits())
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(engine, reading, url=url)
