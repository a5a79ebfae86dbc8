"""Deletes the rows of a table that are too old."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, Table, delete, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database import Database
from nightshift.housekeeping.tally import Counts, Tally
from nightshift.messaging.paging import PAGE_ROWS, Keyset, KeysetPage, TimeLimit, process_pages, table_pages

COUNT_LIMIT = 1_000_000
"""So many rows that stay are counted; on a larger table counting would take longer than deleting."""


@dataclass(frozen=True)
class AgingTable:
    """A table whose rows grow old: the keyset begins with the column that says when."""

    table: Table
    keyset: Keyset

    @property
    def name(self) -> str:
        """What the rows are counted as; SQLAlchemy's own name is a text that not every JSON encoder takes."""
        return str(self.table.name)

    def older_than(self, before: datetime) -> ColumnElement[bool]:
        """Return the condition for rows that are deleted."""
        return self.keyset.columns[0] < before

    def still_needed(self, before: datetime) -> ColumnElement[bool]:
        """Return the condition for all others."""
        return self.keyset.columns[0] >= before


async def delete_old_rows(
    tally: Tally, aging: AgingTable, before: datetime, *, limit: TimeLimit, size: int = PAGE_ROWS
) -> bool:
    """Delete rows from before an instant, page by page; return whether that was all, and count then what stays.

    Called again, it goes on where it stopped: what is deleted is gone.

    Raises:
        Unavailable: the database is unavailable; pages that are done stay done.
    """
    name, old = aging.name, aging.older_than(before)

    async def work(page: KeysetPage[RowMapping]) -> None:
        # The page ends before the instant; a session that was prolonged meanwhile is not in its range any more.
        statement = delete(aging.table).where(aging.keyset.within(page))

        async def write(connection: AsyncConnection) -> Counts:
            return {name: (await connection.execute(statement)).rowcount}

        await tally.delete(write)

    pages = table_pages(tally.database, select(*aging.keyset.columns).where(old), aging.keyset, size=size)
    walk = await process_pages(pages, work, limit=limit)
    if walk.done:
        tally.keep(name, await count_rows(tally.database, aging.still_needed(before)))
    return walk.done


async def count_rows(database: Database, condition: ColumnElement[bool]) -> int:
    """Count the rows of which a condition is true, up to the limit."""
    some = select(literal(1)).where(condition).limit(COUNT_LIMIT).subquery()
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(some))).scalar_one()
