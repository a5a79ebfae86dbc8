"""Brings a database to the newest revision, and tells where it is; no configuration file is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from nightshift.config import database_url
from nightshift.database.engine import Database
from nightshift.database.postgres import PoolLimits, postgres_engine
from nightshift.database.sqlite import sqlite_engine

_ADVISORY_LOCK = 0x6E69676874
"""The number of the lock on PostgreSQL under which one process at a time migrates."""


class MigrationError(Exception):
    """The database cannot be brought to this version's schema; the text says why and what to do."""


async def migrate(database: Database | str) -> list[str]:
    """Brings a database (or the one of a URL) to the newest revision; returns one line for each step taken.

    All steps are one transaction. Several processes may do it at once: the others wait, and find nothing to do.

    Raises:
        MigrationError: a newer version of the program has migrated it, or a step left broken references.
        Unavailable: the database is away, or locked for too long.
    """
    url = database if isinstance(database, str) else database.url
    async with _migrating(url) as opened, opened.write() as connection:
        return await connection.run_sync(_upgrade)


async def current_revision(database: Database) -> str | None:
    """Tells the revision that a database is at; None for one that was never migrated."""
    async with database.read() as connection:
        return await connection.run_sync(_revision)


def head() -> str:
    """Tells the newest revision, which this version of the program needs."""
    newest = ScriptDirectory(str(Path(__file__).parent)).get_current_head()
    if newest is None:
        raise MigrationError("the program is incomplete: its migrations are missing")
    return newest


@asynccontextmanager
async def _migrating(url: str) -> AsyncIterator[Database]:
    """Opens a database for migrating: steps may take long, and SQLite copies tables that others refer to."""
    address = database_url.parse(url)
    if address.get_backend_name() == "sqlite":
        engine = sqlite_engine(address, writes=True, connections=1, foreign_keys=False)
    else:
        limits = PoolLimits(statement_seconds=0, idle_transaction_seconds=0)
        engine = postgres_engine(address, connections=1, limits=limits)
    database = Database(engine, engine, url=url)
    try:
        yield database
    finally:
        await database.close()


def _upgrade(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql":
        # Held until the end of the transaction. SQLite's write transaction is such a lock by itself.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    before = _revision(connection)
    try:
        command.upgrade(_config(connection), "head")
    except CommandError as error:
        raise MigrationError(
            f"the database is at revision {before}, which this version does not know: it was migrated by a newer one. "
            "Run that version, or restore a backup"
        ) from error
    after = _revision(connection)
    if after == before:
        return []
    check_references(connection)
    return [f"database schema brought from {before or 'nothing'} to {after}"]


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    # A percent sign would be read as the beginning of a variable.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def check_references(connection: Connection) -> None:
    """On SQLite references are not enforced while tables are copied: looks at them before the commit.

    Raises:
        MigrationError: a row refers to one that is not there.
    """
    if connection.dialect.name != "sqlite":
        return
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise MigrationError(
            f"migrating would leave rows of table {broken[0]} that refer to missing rows of {broken[2]}"
        )
