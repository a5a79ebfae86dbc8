"""The database: engine, own tables and migrations, PostgreSQL and SQLite.

The migrations are loaded when one of their names is first used: a process that only uses the tables is spared Alembic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nightshift.config.datastore_urls import sqlite_url
from nightshift.database.engine import Database, open_database
from nightshift.database.migration_error import MigrationError
from nightshift.database.outages import is_outage
from nightshift.database.postgres import PoolLimits

if TYPE_CHECKING:
    from nightshift.database.migrations import (
        HistoryState,
        application_history,
        history_states,
        migrate,
    )

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


def __getattr__(name: str) -> Any:
    """Import a name of the migrations when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.migrations"), name)
    return value
