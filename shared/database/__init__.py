"""The database: engine, tables, migrations; PostgreSQL and SQLite from the same code."""

from shared.database.addresses import sqlite_url
from shared.database.engine import Database, open_database
from shared.database.migrations import MigrationError, current_revision, head, migrate
from shared.database.outages import is_outage
from shared.database.postgres import Limits

__all__ = [
    "Database",
    "Limits",
    "MigrationError",
    "current_revision",
    "head",
    "is_outage",
    "migrate",
    "open_database",
    "sqlite_url",
]
