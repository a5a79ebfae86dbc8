"""What a database looks like: tables with columns, keys, checks and indexes, to be compared with another's."""

import warnings
from typing import Any

from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.exc import SAWarning
from sqlalchemy.schema import CreateSchema

from nightshift.database import Database
from nightshift.database.tables import SCHEMA
from nightshift.database.tables import metadata as library
from schema.tables import metadata as application


async def snapshot(database: Database) -> dict[str, Any]:
    """Every table but the version tables, by its full name."""
    async with database.read() as connection:
        return await connection.run_sync(_snapshot)


async def create_directly(database: Database) -> None:
    """Make the tables as the code declares them, without any migration."""
    async with database.write() as connection:
        await connection.run_sync(_create)


async def rows(database: Database, table: str) -> list[tuple[Any, ...]]:
    """All rows of a table, in some order that does not change."""
    async with database.read() as connection:
        found = await connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - a table of the test
        return sorted((tuple(row) for row in found), key=str)


def _create(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(CreateSchema(SCHEMA))
    library.create_all(connection)
    application.create_all(connection)


def _snapshot(connection: Connection) -> dict[str, Any]:
    found = inspect(connection)
    # SQLite's indexes of expressions are compared as they were made.
    warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
    schemas = [None, SCHEMA] if connection.dialect.name == "postgresql" else [None]
    return {
        f"{schema}.{table}" if schema else table: _table(connection, found, table, schema)
        for schema in schemas
        for table in found.get_table_names(schema)
        if not table.endswith("_version")
    }


def _table(connection: Connection, found: Inspector, table: str, schema: str | None) -> dict[str, Any]:
    columns = {
        column["name"]: (str(column["type"]), column["nullable"], column["default"])
        for column in found.get_columns(table, schema)
    }
    keys = [
        (key["name"], tuple(key["constrained_columns"]), key["referred_table"], key["options"].get("ondelete"))
        for key in found.get_foreign_keys(table, schema)
    ]
    primary = found.get_pk_constraint(table, schema)
    return {
        "columns": columns,
        "primary": (primary["name"], tuple(primary["constrained_columns"])),
        "keys": sorted(keys),
        "checks": sorted((check["name"], check["sqltext"]) for check in found.get_check_constraints(table, schema)),
        "unique": sorted(
            (one["name"], tuple(one["column_names"])) for one in found.get_unique_constraints(table, schema)
        ),
        "indexes": sorted(
            (one["name"], tuple(one["column_names"]), *one.get("expressions", ()))
            for one in found.get_indexes(table, schema)
        ),
        "indexes by expression": _by_expression(connection, table),
    }


def _by_expression(connection: Connection, table: str) -> list[str]:
    """Return the statements that made SQLite's indexes of expressions, which no inspector reads."""
    if connection.dialect.name != "sqlite":
        return []
    query = text("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql LIKE '%(%(%'")
    return sorted(" ".join(row[0].split()) for row in connection.execute(query, {"table": table}))
