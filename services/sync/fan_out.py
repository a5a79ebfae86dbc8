"""Fan "sync everything" out into one job per account, a page of accounts per transaction."""

import re
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, RowMapping, or_, select

from contracts.sync import SyncAll, SyncExternal
from nightshift import Job, Permanent, ScheduleFired
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging.paging import Keyset, KeysetPage, TimeLimit, enqueue_successor, process_pages, table_pages
from nightshift.observability.log import get_logger
from schema.tables import linked_accounts
from services.sync.failures import LONGEST_PAUSE

_BY_ID = Keyset(linked_accounts.c.id)
_QUERY = select(linked_accounts.c.id, linked_accounts.c.user_id, linked_accounts.c.service)
_OVERDUE = timedelta(hours=1)
_READABLE = re.compile(r"[\x21-\x7e]{1,100}")
_log = get_logger("sync")


async def sync_due(event: ScheduleFired, job: Job, *, service: str | None = None) -> None:
    """Turn a schedule's event into one job that does the work, however often the event is delivered.

    Nobody can guess that job's id, and so neither the ids of the jobs that it enqueues.
    """
    del event
    job.enqueue(SyncAll(service=service))


async def sync_all(
    message: SyncAll,
    job: Job,
    *,
    database: Database,
    services: Collection[str],
    page_size: int = 500,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Enqueue one `sync.external` per active account of one page, and a job that continues behind it.

    Neither memory nor transaction grows with the number of accounts. A job's id is made of the ids of run and account,
    so that an account gets one job per run. One that keeps failing has a job already, which waits with it.
    """
    if message.service is not None and message.service not in services:
        raise Permanent(f"there is no connector for {message.service!r} (there are {', '.join(sorted(services))})")
    run = message.run or (job.id if _READABLE.fullmatch(job.id) else job.key)
    wanted = [message.service] if message.service else sorted(services)

    async def enqueue(page: KeysetPage[RowMapping]) -> None:
        for row in page.rows:
            _enqueue(job, run, row)

    query = _QUERY.where(
        linked_accounts.c.status == "active", linked_accounts.c.service.in_(wanted), _is_not_waiting(now())
    )
    after = None if message.after is None else (message.after,)
    pages = table_pages(database, query, _BY_ID, size=page_size, after=after)
    walk = await process_pages(pages, enqueue, limit=TimeLimit(0), most_pages=1, job=job)
    if walk.rows == page_size and walk.after is not None:
        enqueue_successor(job, SyncAll(service=message.service, run=run, after=walk.after[0]))


def _is_not_waiting(now: datetime) -> ColumnElement[bool]:
    """Tell that no job waits with the account: it does not fail, or that job is overdue; or no clock was right."""
    retry_at = linked_accounts.c.retry_at
    return or_(retry_at.is_(None), retry_at < now - _OVERDUE, retry_at > now + 2 * LONGEST_PAUSE)


def _enqueue(job: Job, run: str, row: RowMapping) -> None:
    message = SyncExternal(user_id=row["user_id"], service=row["service"])
    try:
        msgspec.convert(msgspec.to_builtins(message), SyncExternal)
    except msgspec.ValidationError as error:
        _log.warning("account_left_out", f"account {row['id']!r} is not synced: its user's id is not valid: {error}")
        return
    job.enqueue(message, job_id=f"{run}/{wire.safe_token(row['id'])}")
