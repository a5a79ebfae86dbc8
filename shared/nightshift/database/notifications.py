"""How a process hears that somebody else's transaction has enqueued a job.

Nothing here is a guarantee: who waits looks by itself from time to time. PostgreSQL rings (LISTEN), and is asked not to
while the relay is awake, because NOTIFY makes the commits of a whole server wait for each other. SQLite counts commits.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from nightshift.config import datastore_urls
from nightshift.config.database_options import is_behind_pooler
from nightshift.database.engine import Database
from nightshift.database.outages import outages
from nightshift.database.postgres import PoolLimits, connector
from nightshift.database.tables import SCHEMA

AWAKE_LOCK = 1852401512
"""First number of the lock that a relay holds while it is awake; the second is its service's (migration 0004)."""
POLL_SECONDS = 0.2
"""Between two looks where nothing rings."""
QUIET_SECONDS = 5.0
"""The same where something does: a notification may be lost with its connection."""
SQLITE_SECONDS = 0.05
_HELD_BY_ANOTHER = 0.1
"""How long to wait for the lock, in seconds: commits that are under way hold it, or another replica."""


class Notifications(Protocol):
    """What a relay listens to."""

    @property
    def quiet_seconds(self) -> float:
        """How long a relay may sleep without a look, in seconds."""

    async def wait(self, seconds: float) -> bool:
        """Sleep until something was enqueued, at most so long; return whether it was."""

    async def hush(self) -> None:
        """Say that the relay is awake, and need not be told."""

    async def ring_again(self) -> None:
        """Say that the relay goes to sleep."""

    async def close(self) -> None:
        """Stop listening."""


class Polling:
    """Nothing rings: the relay looks."""

    quiet_seconds = POLL_SECONDS

    async def wait(self, seconds: float) -> bool:
        """Sleep so long."""
        await asyncio.sleep(seconds)
        return False

    async def hush(self) -> None:
        """Do nothing."""

    async def ring_again(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


class CommitCounter(Polling):
    """SQLite: `PRAGMA data_version` changes when another connection has committed; asking costs some microseconds."""

    quiet_seconds = QUIET_SECONDS

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: int | None = None

    async def wait(self, seconds: float) -> bool:
        """Sleep until another connection has committed, at most so long.

        Raises:
            Unavailable: the file cannot be read.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            version = await self._database.ask(_data_version)
            changed, self._last = version != self._last, version
            left = deadline - asyncio.get_running_loop().time()
            if changed or left <= 0:
                return changed
            await asyncio.sleep(min(left, SQLITE_SECONDS))


def _data_version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


class Listener:
    """PostgreSQL: LISTEN, on a connection of its own that is made anew when it breaks."""

    def __init__(
        self, service: str, connect: Callable[[], Awaitable[Any]], place: str, *, schema: str = SCHEMA
    ) -> None:
        self._service, self._connect, self._place = service, connect, place
        self._channel = f"{schema}_outbox"
        # Others may have a Nightshift of their own in this database, with services of the same names.
        self._lock_name = service if schema == SCHEMA else f"{schema}.{service}"
        self._connection: Any = None
        self._rung = asyncio.Event()
        self._hushed = False

    @property
    def quiet_seconds(self) -> float:
        """Look more often while there is no connection to listen on."""
        return POLL_SECONDS if self._connection is None else QUIET_SECONDS

    async def wait(self, seconds: float) -> bool:
        """Sleep until the service is rung for, at most so long.

        Raises:
            Unavailable: there is no connection to listen on, and none can be made.
        """
        await self._open()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        rung = self._rung.is_set()
        self._rung.clear()
        if not rung:
            await self._execute("SELECT 1")  # notices a connection that is dead and does not know it
        return rung

    async def hush(self) -> None:
        """Take the lock that lets commits tell nobody; without it they ring, which does no harm."""
        if not self._hushed and self._connection is not None:
            import asyncpg  # noqa: PLC0415 - a process on SQLite need not have it

            with contextlib.suppress(asyncpg.LockNotAvailableError):
                self._hushed = await self._execute(
                    f"SELECT pg_advisory_lock({AWAKE_LOCK}, hashtext($1))", self._lock_name
                )

    async def ring_again(self) -> None:
        """Let go of that lock."""
        if self._hushed:
            self._hushed = False
            await self._execute(f"SELECT pg_advisory_unlock({AWAKE_LOCK}, hashtext($1))", self._lock_name)

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._hushed = self._connection, None, False
        if connection is not None:
            connection.terminate()

    async def _open(self) -> None:
        if self._connection is not None and not self._connection.is_closed():
            return
        self._hushed = False
        self._connection = None
        with outages(self._place) as stage:
            connection = await self._connect()
            stage.connected = True
            try:
                await connection.execute(f"SET lock_timeout = {round(_HELD_BY_ANOTHER * 1000)}")
                await connection.add_listener(self._channel, self._heard)
            except BaseException:  # cancelled, for instance: nobody else would close it
                connection.terminate()
                raise
        self._connection = connection
        self._rung.set()  # what was enqueued before

    def _heard(self, _connection: Any, _process: int, _channel: str, service: object) -> None:
        if service == self._service:
            self._rung.set()

    async def _execute(self, statement: str, *arguments: str) -> bool:
        """Run a statement; return False when the connection turns out to be broken, which `wait` then mends."""
        import asyncpg  # noqa: PLC0415 - a process on SQLite need not have it

        try:
            await self._connection.fetchval(statement, *arguments, timeout=QUIET_SECONDS)
        except asyncpg.LockNotAvailableError:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await self.close()
            return False
        return True


def listen(
    service: str,
    database: Database,
    *,
    url: str | None = None,
    present: Callable[[], str] | None = None,
    notify: bool = True,
) -> Notifications:
    """Return what the relay of a service listens to.

    `url` is the direct address of a PostgreSQL that `database` reaches through a pooler, which lets nobody listen;
    `present` returns it as it is when a connection is made. Without `notify` the relay looks.
    """
    if database.dialect == "sqlite":
        return CommitCounter(database)
    address = datastore_urls.parse(url or database.url)
    if not notify or is_behind_pooler(address.query):
        return Polling()
    parsed = None if present is None else lambda: datastore_urls.parse(present())
    connect = connector(address, limits=PoolLimits(), present=parsed)
    return Listener(service, connect, datastore_urls.place(address), schema=database.schema)
