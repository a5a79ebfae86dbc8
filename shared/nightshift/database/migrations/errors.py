"""What can go wrong with a migration, in words that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from nightshift.database.migration_error import MigrationError
from nightshift.database.outages import is_outage, lacks_tables, reason

_NO_RIGHT = "42501"
_ALREADY_THERE = ("42P07", "42P06", "42710", "42723")
"""SQLSTATE codes (PostgreSQL manual, appendix A); SQLite has none and says it in words."""


@contextmanager
def explained(subject: str, place: str = "", *, is_library: bool = True) -> Iterator[None]:
    """Turn the database's refusal of a step into a `MigrationError`; an outage passes unchanged.

    `place` is the database, `is_library` whether its tables are the library's own and not an application's.
    """
    try:
        yield
    except DBAPIError as error:
        if is_outage(error) and not lacks_tables(error):
            raise
        if (found := _in_the_way(error)) is not None and not is_library:
            raise MigrationError(_belongs_to_another(subject, place, found)) from error
        raise MigrationError(f"migrating {subject}: {reason(error)}. Nothing was changed. {_advice(error)}") from error


def unknown_revision(package: str, revision: str | None, error: CommandError) -> MigrationError:
    """Say that a database is ahead of the program."""
    return MigrationError(
        f"the tables of {package} are at revision {revision}, which this version does not know ({error}): the database "
        "was migrated by a newer one. Run that version, or restore a backup"
    )


def _in_the_way(error: DBAPIError) -> str | None:
    """Return what is there already, in the database's words; None where something else went wrong."""
    state = getattr(error.orig, "sqlstate", None)
    said = reason(error)
    is_there = state in _ALREADY_THERE or (state is None and "already exists" in said)
    return said.removeprefix("relation ").replace('"', "") if is_there else None


def _belongs_to_another(subject: str, place: str, found: str) -> str:
    return (
        f"{place} belongs to another program: {found} and was not made by the migrations of {subject}. Nothing was "
        "changed. To add only Nightshift's own tables: SCHEMA_PACKAGE=none. To keep the others apart on PostgreSQL: "
        "?search_path=… at the end of DATABASE_URL, with a schema that need not exist"
    )


def _advice(error: DBAPIError) -> str:
    state = getattr(error.orig, "sqlstate", None)
    if state == _NO_RIGHT:
        return (
            "The user of DATABASE_URL needs that right: let an administrator grant it, or migrate with a user who has "
            "it (docs/operations.md, section Upgrades)"
        )
    if _in_the_way(error) is not None:
        return "It was not made by these migrations: rename it or drop it"
    return "Go on with the earlier version and report this: the step is at fault"
