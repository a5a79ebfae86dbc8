"""The engine for a PostgreSQL server: a time limit for everything, and no stale connections."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from nightshift.config.datastore_urls import place
from nightshift.config.extras import extra
from nightshift.database.column_types import json_text
from nightshift.database.outages import unavailable

_SOME_PAGES = text(
    "CREATE TEMPORARY TABLE nightshift_probe ON COMMIT DROP AS"
    " SELECT repeat('x', 1000) AS filling FROM generate_series(1, 100)"
)

# `"$user"` of PostgreSQL's default path names the library's schema when the role is called `nightshift`, and the
# application's tables would be created there.
_OUTSIDE_THE_LIBRARYS_SCHEMA = (
    "SELECT set_config('search_path', 'public', false)"
    " WHERE current_user = 'nightshift' AND current_setting('search_path') LIKE '\"$user\"%'"
)


@dataclass(slots=True, frozen=True)
class PoolLimits:
    """Time limits in seconds; 0 means no limit where it says so."""

    connect_seconds: float = 5.0
    pool_seconds: float = 10.0
    """How long to wait for a free connection of the pool."""
    statement_seconds: float = 30.0
    """The server cancels a statement after this time, which is an error of the statement; 0: never."""
    answer_seconds: float = 5.0
    """A server that has not answered so long after `statement_seconds` counts as down."""
    idle_transaction_seconds: float = 60.0
    """The server ends a transaction whose process has stopped, and frees its locks."""
    trusted_idle_seconds: float = 20.0
    """A connection that has been idle for longer is tested before it is used."""


def postgres_engine(address: URL, *, connections: int, limits: PoolLimits) -> AsyncEngine:
    """Return an engine; the URL may carry libpq's options such as `sslmode`, `sslrootcert`, several hosts."""
    with extra("postgres", "DATABASE_URL"):
        import asyncpg  # noqa: PLC0415 - a process on SQLite need not have it
    dsn = address.set(drivername="postgresql").render_as_string(hide_password=False)

    # What the URL says wins.
    settings = {name: value for name, value in _server_settings(limits).items() if name not in address.query}

    async def connect() -> Any:
        connection = await asyncpg.connect(
            dsn,
            timeout=limits.connect_seconds,
            command_timeout=limits.statement_seconds + limits.answer_seconds if limits.statement_seconds else None,
            server_settings=settings,
        )
        await connection.execute(_OUTSIDE_THE_LIBRARYS_SCHEMA)
        return connection

    engine = create_async_engine(
        # We connect ourselves: SQLAlchemy would read the options differently.
        address.set(query={}),
        async_creator=connect,
        pool_size=connections,
        max_overflow=connections,
        pool_timeout=limits.pool_seconds,
        hide_parameters=True,
        json_serializer=json_text,
    )
    _watch_idle(engine, limits.trusted_idle_seconds)
    _name_silence(engine, place(address))
    return engine


async def try_to_write(connection: AsyncConnection) -> None:
    """Allocate some pages of the server's disk and free them: a server whose disk is full still answers queries.

    Use it only after a write has failed: each try leaves dead rows in the server's own tables.
    """
    may = text("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
    if (await connection.execute(may)).scalar():
        await connection.execute(_SOME_PAGES)


def _server_settings(limits: PoolLimits) -> dict[str, str]:
    return {
        "application_name": "nightshift",
        "statement_timeout": _milliseconds(limits.statement_seconds),
        "idle_in_transaction_session_timeout": _milliseconds(limits.idle_transaction_seconds),
    }


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _watch_idle(engine: AsyncEngine, trusted_seconds: float) -> None:
    """Replace connections that broke while idle.

    SQLAlchemy's own `pool_pre_ping` tests before every use, three round trips each time; the driver knows by itself
    when the server has closed the connection, so only long idle ones need the test.
    """

    def given_back(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    def handed_out(connection: Any, record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server has closed the connection")
        idle_since = record.info.get("idle_since")
        if idle_since is not None and time.monotonic() - idle_since > trusted_seconds:
            try:
                connection.ping()
            except Exception as error:
                raise DisconnectionError("the idle connection is dead") from error

    event.listen(engine.sync_engine, "checkin", given_back)
    event.listen(engine.sync_engine, "checkout", handed_out)


def _name_silence(engine: AsyncEngine, where: str) -> None:
    """Raise as outages what the driver raises as plain TimeoutError or OSError in the middle of a statement.

    Here they can come from the connection only; outside, they could be anybody's.
    """

    def on_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, OSError):
            raise unavailable(context.original_exception, where) from context.original_exception

    event.listen(engine.sync_engine, "handle_error", on_error)
