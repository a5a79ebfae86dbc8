"""The database: engine, own tables and migrations, PostgreSQL and SQLite."""

from nightshift.config.datastore_urls import sqlite_url
from nightshift.database.engine import Database, open_database
from nightshift.database.migrations import (
    HistoryState,
    MigrationError,
    application_history,
    history_states,
    migrate,
)
from nightshift.database.outages import is_outage
from nightshift.database.postgres import PoolLimits

__all__ = [
    "Database",
    "HistoryState",
    "MigrationError",
    "PoolLimits",
    "application_history",
    "history_states",
    "is_outage",
    "migrate",
    "open_database",
    "sqlite_url",
]
