"""The engine for a PostgreSQL server: a time limit for everything, and no stale connections."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from nightshift.config.database_options import (
    CONNECT_TIMEOUT,
    POOLER,
    SCHEMA_OPTION,
    connect_seconds,
    is_behind_pooler,
    library_schema,
)
from nightshift.config.datastore_urls import place
from nightshift.config.extras import extra
from nightshift.database.column_types import json_text
from nightshift.database.library_schema import translation
from nightshift.database.outages import lacks_tables, unavailable
from nightshift.database.tables import SCHEMA

_A_RECORD = text("SELECT pg_logical_emit_message(true, 'nightshift', '')")
"""A hundred bytes of the log that a commit has to flush; no table changes."""
_LITTLE_MEMORY = text("SELECT set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true)")
_SOME_PAGES = text(
    "SELECT count(*) FROM (SELECT repeat('x', 999) || n FROM generate_series(1, 200) n ORDER BY 1 OFFSET 0) s"
)
"""Sorts more than that, so that pages are allocated where tables are."""

# `"$user"` of PostgreSQL's default path names the library's schema when the role is called `nightshift`, and the
# application's tables would be created there.
_OUTSIDE_THE_LIBRARYS_SCHEMA = (
    "SELECT set_config('search_path', 'public', false)"
    " WHERE current_user = 'nightshift' AND current_setting('search_path') LIKE '\"$user\"%'"
)
_SEARCH_PATH = (
    "set_config('search_path', CASE WHEN current_user = 'nightshift'"
    " AND current_setting('search_path') LIKE '\"$user\"%'"
    " THEN 'public' ELSE current_setting('search_path') END, true)"
)
"""The same for one transaction."""
_CACHED_STATEMENTS = 100
"""The driver's own default; SQLAlchemy keeps its statements by itself."""
_NAME = "application_name"
"""The one of our settings that poolers pass on."""


@dataclass(slots=True, frozen=True)
class PoolLimits:
    """Time limits in seconds; 0 means no limit where it says so."""

    connect_seconds: float = 5.0
    pool_seconds: float = 10.0
    """How long to wait for a free connection of the pool."""
    statement_seconds: float = 30.0
    """The server cancels a statement after this time, which is an error of the statement; 0: never."""
    lock_seconds: float = 20.0
    """The server gives up waiting for a lock after this time, which is no error of the statement; 0: never."""
    answer_seconds: float = 5.0
    """A server that has not answered so long after `statement_seconds` counts as down."""
    idle_transaction_seconds: float = 60.0
    """The server ends a transaction whose process has stopped, and frees its locks."""
    trusted_idle_seconds: float = 20.0
    """A connection that has been idle for longer is tested before it is used."""


def postgres_engine(
    address: URL, *, connections: int, limits: PoolLimits, present: Callable[[], URL] | None = None
) -> AsyncEngine:
    """Return an engine; the URL may carry libpq's options such as `sslmode`, `sslrootcert`, several hosts.

    `present` returns the URL as it is when a connection is made: its password may have been replaced.

    Behind a pooler that lends connections for one transaction (`pgbouncer=true`), nothing is kept on a connection
    between two transactions: settings are made in each, and statements are not prepared under a name.
    """
    is_lent, schema = is_behind_pooler(address.query), library_schema(address.query)
    connect = connector(address, limits=limits, present=present)

    def creator() -> Any:
        unnamed = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str} if is_lent else {}
        return engine.sync_engine.dialect.dbapi.connect(  # type: ignore[union-attr] # a driver was loaded
            async_creator_fn=connect, **unnamed
        )

    engine = create_async_engine(
        # We connect ourselves: SQLAlchemy would read the options differently.
        address.set(query={}),
        creator=creator,
        pool_size=connections,
        max_overflow=connections,
        pool_timeout=limits.pool_seconds,
        hide_parameters=True,
        json_serializer=json_text,
        execution_options=translation(schema),
    )
    if is_lent:
        _set_in_transactions(engine, {name: value for name, value in _wanted(address, limits).items() if name != _NAME})
    _watch_idle(engine, limits.trusted_idle_seconds)
    _name_outages(engine, place(address), schema)
    return engine


def connector(
    address: URL, *, limits: PoolLimits, present: Callable[[], URL] | None = None
) -> Callable[[], Awaitable[Any]]:
    """Return a function that makes one connection of the driver's own, as the engine's are."""
    with extra("postgres", "DATABASE_URL"):
        import asyncpg  # noqa: PLC0415 - a process on SQLite need not have it
    is_lent = is_behind_pooler(address.query)
    kept = {name: value for name, value in _wanted(address, limits).items() if name == _NAME or not is_lent}

    async def connect() -> Any:
        connection = await asyncpg.connect(
            _dsn(present() if present else address),
            timeout=connect_seconds(address.query) or limits.connect_seconds,
            command_timeout=limits.statement_seconds + limits.answer_seconds if limits.statement_seconds else None,
            server_settings=kept,
            statement_cache_size=0 if is_lent else _CACHED_STATEMENTS,
        )
        if not is_lent:
            try:
                await connection.execute(_OUTSIDE_THE_LIBRARYS_SCHEMA)
            except BaseException:  # cancelled, for instance: nobody else would close it
                connection.terminate()
                raise
        return connection

    return connect


def _wanted(address: URL, limits: PoolLimits) -> dict[str, str]:
    """Return our settings of a session, but for those that the URL has: what it says wins."""
    return {name: value for name, value in _server_settings(limits).items() if name not in address.query}


async def try_to_write(connection: AsyncConnection) -> None:
    """Allocate some pages of the server's disk and free them, and leave something to commit.

    A full disk lets the server answer queries, and commit what fits into the pages that it has. Any user may do it.
    """
    for step in (_A_RECORD, _LITTLE_MEMORY, _SOME_PAGES):
        await connection.execute(step)


def _dsn(address: URL) -> str:
    ours = address.difference_update_query((POOLER, CONNECT_TIMEOUT, SCHEMA_OPTION))
    return ours.set(drivername="postgresql").render_as_string(hide_password=False)


def _set_in_transactions(engine: AsyncEngine, settings: dict[str, str]) -> None:
    """Make the session's settings at the beginning of each transaction, for as long as it lasts."""
    limits = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    statement = f"SELECT {limits}, {_SEARCH_PATH}"

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    event.listen(engine.sync_engine, "begin", on_begin)


def _server_settings(limits: PoolLimits) -> dict[str, str]:
    return {
        _NAME: "nightshift",
        "statement_timeout": _milliseconds(limits.statement_seconds),
        "lock_timeout": _milliseconds(limits.lock_seconds if limits.statement_seconds else 0),
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


def _name_outages(engine: AsyncEngine, where: str, schema: str) -> None:
    """Raise as outages what only this engine can know to be one.

    That is what the driver raises as plain TimeoutError or OSError in the middle of a statement: here they can come
    from the connection only; outside, they could be anybody's. And the library's tables missing from their own schema.
    """

    def on_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, OSError):
            raise unavailable(context.original_exception, where) from context.original_exception
        error = context.sqlalchemy_exception
        if schema != SCHEMA and error is not None and lacks_tables(error, schema):
            raise unavailable(error, where, schema) from error

    event.listen(engine.sync_engine, "handle_error", on_error)
