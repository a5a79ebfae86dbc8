"""The database: engine, tables, migrations; PostgreSQL and SQLite from the same code."""

from shared.database.engine import Database, open_database

__all__ = ["Database", "open_database"]
