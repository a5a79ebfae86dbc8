"""Brings a database to the newest revisions, and tells where it is; no configuration file is needed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from alembic import command
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateSchema

from nightshift.config import datastore_urls
from nightshift.config.database_options import library_schema
from nightshift.contract.access import ROLE_PREFIX
from nightshift.database.access import TableAccess, declared_access
from nightshift.database.engine import Database
from nightshift.database.library_schema import rewrite_statements, schema_of
from nightshift.database.migration_error import MigrationError
from nightshift.database.migrations.errors import explained, unknown_revision
from nightshift.database.migrations.history import LIBRARY, History, application_history
from nightshift.database.migrations.ownership import refuse_others_tables, tell_of_another
from nightshift.database.migrations.single_history import take_over
from nightshift.database.postgres import PoolLimits, postgres_engine
from nightshift.database.roles import apply_roles
from nightshift.database.sqlite import sqlite_engine

_ADVISORY_LOCK = 0x6E69676874
"""The number of the lock on PostgreSQL under which one process at a time migrates."""


@dataclass(slots=True, frozen=True)
class HistoryState:
    """How far a database has come in one history."""

    package: str
    at: str | None
    """None: never migrated."""
    head: str
    """What this version of the program needs."""
    is_known: bool = True
    """False: a newer version has migrated it."""


async def migrate(
    database: Database | str,
    schema_package: str | None = None,
    *,
    roles: Mapping[str, str] | None = None,
    access: Mapping[str, TableAccess] | None = None,
    role_prefix: str = ROLE_PREFIX,
) -> list[str]:
    """Bring a database (or the one of a URL) to the newest revisions; return one line for each thing done.

    First the library's history, then the application's (`application_history` says how its package is found), then
    the services' roles with these passwords, if there are any (PostgreSQL only), with this `access`, by default what
    the schema package declares. All steps are one transaction. Several processes may do it at once: the others wait,
    and find nothing to do.

    Raises:
        MigrationError: a newer version has migrated it, it belongs to another program, a right is missing, or a step
            left broken references.
        Unavailable: the database is unavailable, or locked for too long.
    """
    histories = _histories(schema_package)
    if roles and access is None:
        access = declared_access(schema_package)
    url = database if isinstance(database, str) else database.url
    place = datastore_urls.place(datastore_urls.parse(url))

    def work(connection: Connection) -> list[str]:
        done = _migrate(connection, histories, place)
        if roles:
            with explained("the services' roles"):
                done += apply_roles(connection, access or {}, roles, role_prefix)
        return done

    async with migrating(url) as opened, opened.write() as connection:
        return await connection.run_sync(work)


async def history_states(database: Database, schema_package: str | None = None) -> list[HistoryState]:
    """Tell how far a database has come in each history.

    Raises:
        MigrationError: a version table may not be read, or the package has no migrations.
        Unavailable: the database is unavailable.
    """
    histories = _histories(schema_package)

    def look(connection: Connection) -> list[HistoryState]:
        states = []
        for history in histories:
            with explained(f"the tables of {history.package}"):
                at = history.revision(connection)
                states.append(HistoryState(history.package, at, history.head(), history.knows(at)))
        return states

    async with database.read() as connection:
        return await connection.run_sync(look)


def _histories(schema_package: str | None) -> list[History]:
    application = application_history(schema_package)
    return [LIBRARY, *([application] if application else [])]


@asynccontextmanager
async def migrating(url: str) -> AsyncIterator[Database]:
    """Open a database for migrating: steps may take long, and SQLite copies tables that others refer to."""
    address = datastore_urls.parse(url)
    if address.get_backend_name() == "sqlite":
        engine = sqlite_engine(address, writes=True, connections=1, foreign_keys=False)
    else:
        limits = PoolLimits(statement_seconds=0, idle_transaction_seconds=0)
        engine = postgres_engine(address, connections=1, limits=limits)
        rewrite_statements(engine.sync_engine, library_schema(address.query))
    database = Database(engine, engine, url=url)
    try:
        yield database
    finally:
        await database.close()


def _migrate(connection: Connection, histories: Sequence[History], place: str) -> list[str]:
    with explained(f"the tables of {LIBRARY.package}"):
        if connection.dialect.name == "postgresql":
            # Held until the end of the transaction. SQLite's write transaction is such a lock by itself.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        refuse_others_tables(connection, place)
        if connection.dialect.name == "postgresql":
            _create_schemas(connection)
        done = [*take_over(connection), *tell_of_another(connection)]
    for history in histories:
        with explained(f"the tables of {history.package}", place, is_library=history.is_library):
            done += _upgrade(connection, history)
    if done:
        check_references(connection)
    return done


def _create_schemas(connection: Connection) -> None:
    """Create the library's schema, and the one that the URL puts first for the application's tables."""
    for name in (schema_of(connection), _first_of_path(connection)):
        # "IF NOT EXISTS" would ask for the right to create one even where there is nothing to create.
        if (
            name
            and connection.execute(text("SELECT to_regnamespace(quote_ident(:name))"), {"name": name}).scalar() is None
        ):
            connection.execute(CreateSchema(name))


def _first_of_path(connection: Connection) -> str | None:
    """Return the schema that is meant for the application's tables, where no schema of the path is there."""
    if connection.execute(text("SELECT current_schema()")).scalar() is not None:
        return None
    path = str(connection.execute(text("SHOW search_path")).scalar())
    name = path.partition(",")[0].strip().strip('"')
    return name if name and "$" not in name else None


def _upgrade(connection: Connection, history: History) -> list[str]:
    before = history.revision(connection)
    try:
        command.upgrade(history.config(connection), "head")
    except CommandError as error:
        raise unknown_revision(history.package, before, error) from error
    after = history.revision(connection)
    return [] if after == before else [f"tables of {history.package} brought from {before or 'nothing'} to {after}"]


def check_references(connection: Connection) -> None:
    """Look for broken references before the commit: SQLite does not enforce them while tables are copied.

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
