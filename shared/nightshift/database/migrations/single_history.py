"""Takes over a database of version 0.1.0, which had one history for the library's and the application's tables.

That history was a single revision, noted in `alembic_version`: it made the tables that the first revisions of the
two histories make now. So the tables stay (on PostgreSQL inbox and outbox move to the library's schema), the two first
revisions are noted as done, and the ordinary migrations go on from there.
"""

from sqlalchemy import Connection, Inspector, inspect, text

from nightshift.config.project import DEFAULT_SCHEMA
from nightshift.database.library_schema import schema_of
from nightshift.database.migrations.history import LIBRARY, History, version_table

_VERSION_TABLE = "alembic_version"
_REVISION = "0001"
_APPLICATION = History(DEFAULT_SCHEMA, LIBRARY.folder, version_table(DEFAULT_SCHEMA))
_COLUMNS = {
    "processed_messages": {"consumer", "type", "id", "processed_at"},
    "outbox": {"id", "consumer", "type", "parent_id", "subject", "body", "headers", "not_before", "created_at"},
}


def take_over(connection: Connection) -> list[str]:
    """Split the history of such a database into two; leave any other alone. Return one line if there was one."""
    if not is_single_history(connection):
        return []
    if connection.dialect.name == "postgresql":
        for table in _COLUMNS:
            connection.execute(text(f"ALTER TABLE {table} SET SCHEMA {schema_of(connection)}"))
    for history in (LIBRARY, _APPLICATION):
        history.stamp(connection, _REVISION)
    connection.execute(text(f"DROP TABLE {_VERSION_TABLE}"))
    return ["database of version 0.1.0 taken over: its history of migrations split in two, all rows kept"]


def is_single_history(connection: Connection) -> bool:
    """Look closely whether it is one: the database may be somebody's who has an `alembic_version` of their own."""
    found = inspect(connection)
    tables = set(found.get_table_names())
    return (
        {_VERSION_TABLE, *_COLUMNS} <= tables
        and LIBRARY.revision(connection) is None
        and all(_columns(found, table) == columns for table, columns in _COLUMNS.items())
        and _revisions(connection) == [_REVISION]
    )


def _columns(found: Inspector, table: str) -> set[str]:
    return {column["name"] for column in found.get_columns(table)}


def _revisions(connection: Connection) -> list[str]:
    return list(connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalars())  # noqa: S608 - constant
