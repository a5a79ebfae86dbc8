"""Tells a database, or a part of one, that belongs to another program, before anything in it is touched."""

from sqlalchemy import Connection, inspect, text

from nightshift.database.library_schema import schema_of
from nightshift.database.migration_error import MigrationError
from nightshift.database.migrations.history import LIBRARY
from nightshift.database.migrations.single_history import is_single_history
from nightshift.database.tables import metadata

_OURS = frozenset(table.name for table in metadata.sorted_tables)
_SHOWN = 3


def refuse_others_tables(connection: Connection, place: str) -> None:
    """Look whether the library's place in a database that it was never in is somebody else's.

    On PostgreSQL that is a schema of this name with tables in it; in an SQLite file it is a table of a name of ours.

    Raises:
        MigrationError: it is; the text says what to do.
    """
    if is_single_history(connection) or LIBRARY.revision(connection) is not None:
        return
    found = inspect(connection)
    if connection.dialect.name == "postgresql":
        schema = schema_of(connection)
        if others := [*found.get_table_names(schema), *found.get_view_names(schema)]:
            raise MigrationError(
                f"the schema {schema} of {place} belongs to another program: it has {_listed(others)} and was never "
                "migrated by Nightshift. Nothing was changed. Choose another schema for Nightshift's own tables: "
                "DATABASE_SCHEMA=nightshift_jobs, for instance"
            )
    elif others := sorted(_OURS.intersection([*found.get_table_names(), *found.get_view_names()])):
        raise MigrationError(
            f"{place} belongs to another program: it has {_listed(others)}, which Nightshift did not make. Nothing was "
            "changed. Give Nightshift an SQLite file of its own, or use PostgreSQL, where its tables have a schema of "
            "their own"
        )


def tell_of_another(connection: Connection) -> list[str]:
    """Return one line where Nightshift's tables are about to be made and another schema has them already."""
    if connection.dialect.name != "postgresql" or LIBRARY.revision(connection) is not None:
        return []
    query = text("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = :table ORDER BY 1")
    others = list(connection.execute(query, {"table": LIBRARY.version_table}).scalars())
    if not others:
        return []
    line = (
        f"the schema {', '.join(others)} has Nightshift's tables, too, which stay as they are: another installation's, "
        "or this one's before DATABASE_SCHEMA was set, whose done jobs and outbox are then no longer read"
    )
    return [line]


def _listed(tables: list[str]) -> str:
    shown = ", ".join(sorted(tables)[:_SHOWN])
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    return f"{'a table' if len(tables) == 1 else 'tables'} {shown}{more}"
