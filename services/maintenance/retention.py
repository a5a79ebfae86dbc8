"""Deletes the rows of a table that are too old."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, Table, delete, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database import Database
from nightshift.database.tables import processed_messages
from nightshift.messaging.paging import Keyset, KeysetPage, TimeLimit, process_pages, table_pages
from schema.tables import activity_logs, cleanup_runs, sessions
from services.maintenance.cleanup_runs import Counts, Run

COUNT_LIMIT = 1_000_000
"""So many rows that stay are counted; on a larger table counting would take longer than deleting."""


@dataclass(frozen=True)
class Aged:
    """A table whose rows grow old: the keyset begins with the column that says when."""

    table: Table
    keyset: Keyset

    @property
    def name(self) -> str:
        """What the rows are counted as; SQLAlchemy's own name is a text that not every JSON encoder takes."""
        return str(self.table.name)

    def older_than(self, before: datetime) -> ColumnElement[bool]:
        """The condition for rows that are deleted."""
        return self.keyset.columns[0] < before

    def still_needed(self, before: datetime) -> ColumnElement[bool]:
        """The condition for all others."""
        return self.keyset.columns[0] >= before


SESSIONS = Aged(sessions, Keyset(sessions.c.expires_at, sessions.c.id))
ACTIVITY = Aged(activity_logs, Keyset(activity_logs.c.created_at, activity_logs.c.id))
INBOX = Aged(
    processed_messages,
    Keyset(
        processed_messages.c.processed_at,
        processed_messages.c.consumer,
        processed_messages.c.type,
        processed_messages.c.id,
    ),
)

# A handful a day: so few rows need no index for their order.
RUNS = Aged(cleanup_runs, Keyset(cleanup_runs.c.started_at, cleanup_runs.c.id))


async def delete_old_rows(run: Run, aged: Aged, before: datetime, *, limit: TimeLimit, size: int) -> bool:
    """Deletes rows from before an instant, page by page; returns whether that was all, and counts then what stays."""
    name, old = aged.name, aged.older_than(before)

    async def work(page: KeysetPage[RowMapping]) -> None:
        # The page ends before the instant; a session that was prolonged meanwhile is in its stretch no more.
        statement = delete(aged.table).where(aged.keyset.within(page))

        async def write(connection: AsyncConnection) -> Counts:
            return {name: (await connection.execute(statement)).rowcount}

        await run.page(write)

    pages = table_pages(run.database, select(*aged.keyset.columns).where(old), aged.keyset, size=size)
    walk = await process_pages(pages, work, limit=limit)
    if walk.done:
        run.keep(name, await count_rows(run.database, aged.still_needed(before)))
    return walk.done


async def count_rows(database: Database, condition: ColumnElement[bool]) -> int:
    """Counts the rows of which a condition is true, up to the limit."""
    some = select(literal(1)).where(condition).limit(COUNT_LIMIT).subquery()
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(some))).scalar_one()
