"""Counts what an upkeep deletes and what it keeps."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database import Database

Counts = Mapping[str, int]
"""How many, by what was counted."""


@dataclass(kw_only=True)
class Tally:
    """The counts of one run. A subclass may write them down in the transaction that deletes."""

    database: Database
    deleted: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    async def delete(self, write: Callable[[AsyncConnection], Awaitable[Counts]]) -> None:
        """Do a page's deletions in one transaction, and count what `write` returns once it is committed.

        Raises:
            Unavailable: the database is unavailable; nothing was deleted.
        """
        async with self.database.write() as connection:
            counts = await write(connection)
        self.deleted = added(self.deleted, counts)

    async def count(self, counts: Counts) -> None:
        """Count what was deleted outside of the database."""

        async def nothing(_: AsyncConnection) -> Counts:
            return counts

        if any(counts.values()):
            await self.delete(nothing)

    def keep(self, what: str, count: int) -> None:
        """Count what was looked at and kept."""
        self.kept = added(self.kept, {what: count})


def added(one: Counts, other: Counts) -> dict[str, int]:
    """Return the sums of both, in the order in which they first came."""
    return {what: one.get(what, 0) + other.get(what, 0) for what in dict.fromkeys((*one, *other))}
