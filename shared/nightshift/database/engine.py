"""The database of a process: read in one consistent snapshot, write in one short transaction."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from nightshift.config import datastore_urls
from nightshift.config.database_options import is_behind_pooler, library_schema
from nightshift.database.outages import SchemaChangedError, is_outage, outages, reason
from nightshift.database.postgres import PoolLimits, postgres_engine, try_to_write
from nightshift.database.single_thread import TransactionThread
from nightshift.database.sqlite import check_space, sqlite_engine, threaded_engine
from nightshift.database.tables import outbox, processed_messages
from nightshift.outcomes import Unavailable

T = TypeVar("T")
_TABLES_THERE = (select(processed_messages).limit(0), select(outbox).limit(0))
"""Find nothing, and fail where the library's tables, or columns that they have got since, are missing or hidden."""
_TRUSTED_SECONDS = 10.0
"""So long after a write, jobs begin without a try, which costs a commit."""
_IDLE_SECONDS = 60.0
"""So often a process that writes nothing tries whether it could."""


class Database:
    """Provides connections. Opened by `open_database`; connects on first use; may be used by many tasks at once.

    Every method raises `Unavailable("database", …)` when the database is down, locked, full or read-only.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        reading: AsyncEngine,
        *,
        url: str,
        asking: AsyncEngine | None = None,
        threads: tuple[TransactionThread, TransactionThread] | None = None,
    ) -> None:
        """Run whole transactions on `threads`, a reader and a writer, if given; else on the async engines.

        Single statements that read run on `asking`, by default outside of a transaction.
        """
        self.engine = engine
        """The engine for writing."""
        self.url = url
        address = datastore_urls.parse(url)
        self.place = datastore_urls.place(address)
        """Which database it is, for logs and errors: without the password."""
        self.schema = library_schema(address.query)
        """Where the library's tables are on PostgreSQL."""
        self._reading = reading
        self._asking = asking or reading.execution_options(isolation_level="AUTOCOMMIT")
        self._threads = threads
        self._written_at = -math.inf
        """When a commit or a try last succeeded (monotonic), unless a write has failed since. Reading says nothing of a
        full disk, and a transaction that may write nothing does not either."""

    @property
    def dialect(self) -> str:
        """`postgresql` or `sqlite`, for the few statements that differ."""
        return self.engine.dialect.name

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees one consistent snapshot and cannot write; it ends with a rollback."""
        with outages(self.place, writing=False) as stage:
            async with self._reading.connect() as connection:
                stage.connected = True
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that writes: committed at the end of the block, rolled back when it raises.

        Keep it short and do no outside work in it: on SQLite all other writers wait until it ends.
        """
        try:
            with outages(self.place) as stage:
                async with self.engine.connect() as connection:
                    stage.connected = True
                    async with connection.begin():
                        yield connection
        except Unavailable:
            self._written_at = -math.inf
            raise

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """Run a plain function of one statement that reads: the cheapest way to look something up."""
        if self._threads is not None:
            return await self._threads[0].run(question)
        return await _once_more(lambda: self._ask(question))

    async def commit(self, work: Callable[[Connection], T]) -> T:
        """Run a plain function in one transaction that writes: committed when it returns, else rolled back."""
        if self._threads is not None:
            done = await self._threads[1].run(work)
        else:
            done = await _once_more(lambda: self._commit(work))
        self._written_at = time.monotonic()
        return done

    async def expect_to_write(self) -> None:
        """See to it that what begins now can be committed: try, if nothing was written for some seconds.

        Raises:
            Unavailable: it could not be committed; the text says why.
        """
        if time.monotonic() - self._written_at > _TRUSTED_SECONDS:
            self._written_at = -math.inf
            await self.probe()

    async def probe(self) -> None:
        """Try whether a job could commit now.

        Raises:
            Unavailable: it could not; the text says why.
        """
        if self.dialect == "sqlite":
            await asyncio.to_thread(check_space, self.engine.url)
        in_doubt = time.monotonic() - self._written_at > _IDLE_SECONDS
        async with self.write() as connection:
            if self.dialect == "sqlite":
                # Writes one page: a disk that lets nobody write would let mere reading pass.
                await connection.execute(text("PRAGMA user_version = 1"))
            elif (await connection.execute(text("SHOW transaction_read_only"))).scalar() == "on":
                raise Unavailable("database", f"{self.place}: it is read-only (a standby?)")
            elif in_doubt:
                await try_to_write(connection)
            await self._find_tables(connection)
        if in_doubt:
            self._written_at = time.monotonic()

    async def _find_tables(self, connection: AsyncConnection) -> None:
        try:
            for look in _TABLES_THERE:
                await connection.execute(look)
        except DBAPIError as error:
            if is_outage(error):
                raise
            text = f"{self.place}: {reason(error)}: run `nightshift provision` of this version"
            raise Unavailable("database", text) from error

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        with outages(self.place, writing=False) as stage:
            async with self._asking.connect() as connection:
                stage.connected = True
                return await connection.run_sync(question)

    async def _commit(self, work: Callable[[Connection], T]) -> T:
        async with self.write() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Close all connections."""
        for thread in self._threads or ():
            await thread.close()
        await self._reading.dispose()
        await self.engine.dispose()


async def _once_more(run: Callable[[], Awaitable[T]]) -> T:
    """Run it, and again where a table was changed meanwhile: the statements are then prepared anew."""
    try:
        return await run()
    except SchemaChangedError:
        return await run()


def open_database(
    url: str,
    *,
    connections: int = 5,
    limits: PoolLimits | None = None,
    present: Callable[[], str] | None = None,
) -> Database:
    """Open the database of a URL: `postgresql://user:password@host:port/name` or `sqlite:////folder/file.db`.

    Connects to nothing yet. `connections` are kept per process (PostgreSQL: as many more at peaks; SQLite: for
    reading, besides the one for writing). `present` returns the URL as it is when a connection is made: its password
    may have been replaced.

    Raises:
        ValueError: the URL is not one of these.
    """
    address = datastore_urls.parse(url)
    if address.get_backend_name() == "sqlite":
        # SQLite allows one writer at a time: inside a process they queue for this connection, which costs nothing.
        writing = sqlite_engine(address, writes=True, connections=1)
        reading = sqlite_engine(address, writes=False, connections=connections)
        where = datastore_urls.place(address)
        threads = (
            TransactionThread(threaded_engine(address, writes=False), where, writing=False),
            TransactionThread(threaded_engine(address, writes=True), where, writing=True),
        )
        return Database(writing, reading, url=url, threads=threads)
    engine = postgres_engine(
        address,
        connections=connections,
        limits=limits or PoolLimits(),
        present=None if present is None else lambda: datastore_urls.parse(present()),
    )
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    # A lent connection is ours only while a transaction lasts.
    return Database(engine, reading, url=url, asking=reading if is_behind_pooler(address.query) else None)
