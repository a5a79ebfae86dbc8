"""Two histories of migrations, the library's and the application's, and bringing a database up to both."""

from nightshift.database.migration_error import MigrationError
from nightshift.database.migrations.history import LIBRARY, NO_PACKAGE, History, application_history
from nightshift.database.migrations.runner import HistoryState, history_states, migrate

__all__ = [
    "LIBRARY",
    "NO_PACKAGE",
    "History",
    "HistoryState",
    "MigrationError",
    "application_history",
    "history_states",
    "migrate",
]
