"""What can go wrong with a migration, in words that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from nightshift.database.migration_error import MigrationError
from nightshift.database.outages import is_outage, lacks_tables, reason

_NO_RIGHT = "42501"
_ALREADY_THERE = ("42P07", "42P06", "42710")
"""SQLSTATE codes (PostgreSQL manual, appendix A); SQLite has none and says it in words."""


@contextmanager
def explained(subject: str) -> Iterator[None]:
    """Turn the database's refusal of a step into a `MigrationError`; an outage passes unchanged."""
    try:
        yield
    except DBAPIError as error:
        if is_outage(error) and not lacks_tables(error):
            raise
        raise MigrationError(f"migrating {subject}: {reason(error)}. Nothing was changed. {_advice(error)}") from error


def unknown_revision(package: str, revision: str | None, error: CommandError) -> MigrationError:
    """Say that a database is ahead of the program."""
    return MigrationError(
        f"the tables of {package} are at revision {revision}, which this version does not know ({error}): the database "
        "was migrated by a newer one. Run that version, or restore a backup"
    )


def _advice(error: DBAPIError) -> str:
    state = getattr(error.orig, "sqlstate", None)
    if state == _NO_RIGHT:
        return (
            "The user of DATABASE_URL needs that right: let an administrator grant it, or migrate with a user who has "
            "it (docs/operations.md, section Upgrades)"
        )
    if state in _ALREADY_THERE or "already exists" in str(error.orig):
        return "It was not made by these migrations: rename it or drop it, or give Nightshift a database of its own"
    return "Go on with the earlier version and report this: the step is at fault"
