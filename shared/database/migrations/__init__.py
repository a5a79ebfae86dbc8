"""The schema's history, and bringing a database up to it."""

from shared.database.engine import Database


async def migrate(database: Database | str) -> None:
    """Brings a database (or the one of a URL) to the newest revision; safe in several processes at once."""
    raise NotImplementedError


async def current_revision(database: Database) -> str | None:
    """Tells the revision a database is at; None for an empty one."""
    raise NotImplementedError


def head() -> str:
    """Tells the newest revision."""
    raise NotImplementedError
