"""The schema's history, and bringing a database up to it."""

from nightshift.database.migrations.runner import MigrationError, current_revision, head, migrate

__all__ = ["MigrationError", "current_revision", "head", "migrate"]
