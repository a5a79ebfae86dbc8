"""Deletes the inbox's rows of jobs that were done long ago, and crash marks as old.

Keep them for longer than any dead letter can still be redriven, which is 30 days and its retries: without its row, a
job that comes again is done again.
"""

from datetime import datetime

from nightshift.database.tables import crash_marks, processed_messages
from nightshift.housekeeping.retention import AgingTable, delete_old_rows
from nightshift.housekeeping.tally import Tally
from nightshift.messaging.paging import PAGE_ROWS, Keyset, TimeLimit

_DONE, _MARKS = processed_messages.c, crash_marks.c
INBOX_TABLES = (
    AgingTable(processed_messages, Keyset(_DONE.processed_at, _DONE.consumer, _DONE.type, _DONE.id)),
    AgingTable(crash_marks, Keyset(_MARKS.marked_at, _MARKS.service, _MARKS.origin)),
)


async def delete_old_inbox_rows(tally: Tally, before: datetime, *, limit: TimeLimit, size: int = PAGE_ROWS) -> bool:
    """Delete rows from before an instant, page by page; return whether that was all.

    Raises:
        Unavailable: the database is unavailable; pages that are done stay done.
    """
    for aging in INBOX_TABLES:
        if not await delete_old_rows(tally, aging, before, limit=limit, size=size):
            return False
    return True
