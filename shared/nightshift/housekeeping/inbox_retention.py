"""Deletes the inbox's rows of jobs that were done long ago, and crash marks as old; forgets old results.

Keep them for longer than any dead letter can still be redriven, which is 30 days and its retries: without its row, a
job that comes again is done again.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database.tables import crash_marks, processed_messages, received_webhooks
from nightshift.housekeeping.retention import AgingTable, delete_old_rows
from nightshift.housekeeping.tally import Counts, Tally
from nightshift.messaging.paging import PAGE_ROWS, Keyset, KeysetPage, TimeLimit, process_pages, table_pages

_DONE, _MARKS = processed_messages.c, crash_marks.c
_BY_AGE = Keyset(_DONE.processed_at, _DONE.consumer, _DONE.type, _DONE.id)
INBOX_TABLES = (
    AgingTable(processed_messages, _BY_AGE),
    AgingTable(crash_marks, Keyset(_MARKS.marked_at, _MARKS.service, _MARKS.origin)),
)
_EVENT = received_webhooks.c
_EVENTS = AgingTable(received_webhooks, Keyset(_EVENT.received_at, _EVENT.source, _EVENT.event_id))
RESULTS: Final = "results"
"""What forgotten results are counted as."""


async def forget_old_results(tally: Tally, before: datetime, *, limit: TimeLimit, size: int = PAGE_ROWS) -> bool:
    """Clear the results of jobs that were done before an instant, page by page; return whether that was all.

    Raises:
        Unavailable: the database is unavailable; pages that are done stay done.
    """
    old = (_DONE.result.is_not(None), _DONE.processed_at < before)

    async def work(page: KeysetPage[Any]) -> None:
        statement = update(processed_messages).where(_BY_AGE.within(page), *old).values(result=None)

        async def write(connection: AsyncConnection) -> Counts:
            return {RESULTS: (await connection.execute(statement)).rowcount}

        await tally.delete(write)

    pages = table_pages(tally.database, select(*_BY_AGE.columns).where(*old), _BY_AGE, size=size)
    return (await process_pages(pages, work, limit=limit)).done


async def delete_old_inbox_rows(tally: Tally, before: datetime, *, limit: TimeLimit, size: int = PAGE_ROWS) -> bool:
    """Delete rows from before an instant, page by page; return whether that was all.

    Raises:
        Unavailable: the database is unavailable; pages that are done stay done.
    """
    for aging in INBOX_TABLES:
        if not await delete_old_rows(tally, aging, before, limit=limit, size=size):
            return False
    return True


async def delete_old_events(tally: Tally, before: datetime, *, limit: TimeLimit, size: int = PAGE_ROWS) -> bool:
    """Delete what is known of providers' events from before an instant; return whether that was all.

    Raises:
        Unavailable: the database is unavailable; pages that are done stay done.
    """
    return await delete_old_rows(tally, _EVENTS, before, limit=limit, size=size)
