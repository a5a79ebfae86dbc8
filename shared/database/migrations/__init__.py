"""The schema's history, and bringing a database up to it."""

from shared.database.migrations.runner import MigrationError, current_revision, head, migrate

__all__ = ["MigrationError", "current_revision", "head", "migrate"]
