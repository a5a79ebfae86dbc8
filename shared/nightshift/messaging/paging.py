"""Works through a large table in pages inside a job: keyset, checkpoint, progress, time limit, successor.

A page is read by keyset: the rows behind the last one's key, never by OFFSET, which skips rows as soon as the work
changes what the query finds. No transaction is open while it is worked on; what the work writes goes in a short one
of its own. After each page the time limit is looked at, and a job that has more to do enqueues its successor.

The rule: a page's transaction is committed *before* the job's own commit, in which the inbox row is the last word. A
job that dies in between is delivered again and meets rows that are worked off already. So a page's own transaction is
for work that may be repeated (deleting what matches a condition, an upsert by key), and repeats its condition when it
writes. What must happen exactly once belongs to `job.write` and `job.enqueue`; bound it by `most_pages`, because the
job holds it until its commit.

Where the next job goes on: nowhere in particular when worked-off rows no longer match the query (deleted ones are
gone), else behind `walk.after`, as a field of the message: the contract shows then that there is one.

Example::

    class ForgetSearches(Message):
        SUBJECT: ClassVar[str] = "jobs.history.forget"
        before: datetime

    BY_AGE = Keyset(activity_logs.c.created_at, activity_logs.c.id)

    async def forget_searches(message: ForgetSearches, job: Job, *, database: Database, seconds: float = 60) -> None:
        matching = (activity_logs.c.action == "search", activity_logs.c.created_at < message.before)

        async def forget(page: KeysetPage[RowMapping]) -> None:
            async with database.write() as connection:
                await connection.execute(delete(activity_logs).where(BY_AGE.within(page), *matching))

        query = select(activity_logs.c.created_at, activity_logs.c.id).where(*matching)
        walk = await process_pages(table_pages(database, query, BY_AGE), forget, limit=TimeLimit(seconds), job=job)
        if not walk.done:
            enqueue_successor(job, message)
"""

import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, RowMapping, Select, and_, literal, tuple_

from nightshift.contract.message import Message
from nightshift.database import Database
from nightshift.messaging.job import Job

PAGE_ROWS = 500
"""Short enough for a transaction that nobody waits for, long enough that its overhead does not show."""

Key = tuple[Any, ...]
"""Where a row stands in the walk: the values of the keyset's columns."""
R = TypeVar("R")
_LATER_PART = re.compile(r"(.+)~([2-9]|[1-9]\d{1,8})", re.DOTALL)


@dataclass(slots=True, frozen=True)
class KeysetPage(Generic[R]):
    """Some rows in order, never none: those behind the key `after` (None: from the beginning) up to the key `last`."""

    rows: Sequence[R]
    after: Key | None
    last: Key


class Keyset:
    """The order of a walk: columns that are unique together and never NULL, best those of an index."""

    def __init__(self, *columns: ColumnElement[Any]) -> None:
        self.columns = columns

    def of(self, row: RowMapping) -> Key:
        """The key of a row; the query has to select the columns."""
        return tuple(row[column] for column in self.columns)

    def behind(self, key: Key) -> ColumnElement[bool]:
        """The condition for rows that come later than a key."""
        return self._columns() > self._values(key)

    def within(self, page: KeysetPage[Any]) -> ColumnElement[bool]:
        """The condition for rows in the stretch of a page, to write to those of them that still match a query.

        Put it before the query's own conditions: of two upper bounds, SQLite searches by the one that it reads first.
        """
        up_to = self._columns() <= self._values(page.last)
        return up_to if page.after is None else and_(self.behind(page.after), up_to)

    def _columns(self) -> ColumnElement[Any]:
        return self.columns[0] if len(self.columns) == 1 else tuple_(*self.columns)

    def _values(self, key: Key) -> ColumnElement[Any]:
        values = [literal(value, column.type) for value, column in zip(key, self.columns, strict=True)]
        return values[0] if len(values) == 1 else tuple_(*values)


class TimeLimit:
    """How long a job may go on beginning pages, in seconds from now; one limit may cover several walks."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + seconds

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self._clock() >= self._end


@dataclass(slots=True)
class Walk:
    """How far a job came: `after` is the checkpoint, the key that the next page begins behind."""

    pages: int = 0
    rows: int = 0
    after: Key | None = None
    done: bool = False
    """Whether the end was reached; if not, there may be more for a successor."""


async def table_pages(
    database: Database, query: Select[Any], keyset: Keyset, *, size: int = PAGE_ROWS, after: Key | None = None
) -> AsyncGenerator[KeysetPage[RowMapping], None]:
    """Reads what a query finds page by page, each when the one before is worked off; the query has no order of its own.

    Rows written meanwhile are met where their key is later than the walk's, and else not.

    Raises:
        Unavailable: the database is away.
    """
    ordered = query.order_by(*keyset.columns).limit(size)
    while True:
        statement = ordered if after is None else ordered.where(keyset.behind(after))
        async with database.read() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        if rows:
            last = keyset.of(rows[-1])
            yield KeysetPage(rows, after, last)
            after = last
        if len(rows) < size:
            return


async def process_pages(
    pages: AsyncGenerator[KeysetPage[R], None],
    work: Callable[[KeysetPage[R]], Awaitable[None]],
    *,
    limit: TimeLimit,
    most_pages: int | None = None,
    job: Job | None = None,
) -> Walk:
    """Works on one page after the other to the end or until the limit, at least on one: a chain of jobs ends.

    `job` tells after each page how far it is. What `work` raises ends the walk; pages that are done stay done.
    """
    walk = Walk()
    async with aclosing(pages):
        async for page in pages:
            await work(page)
            walk.pages += 1
            walk.rows += len(page.rows)
            walk.after = page.last
            if job is not None:
                job.progress(None, f"{walk.rows:,} rows in {walk.pages:,} pages")
            if limit.passed or walk.pages == most_pages:
                return walk
    walk.done = True
    return walk


def successor_id(job_id: str) -> str:
    """The id of the job that goes on where this one stopped: behind `nightly` come `nightly~2`, `nightly~3` and so on.

    It follows from the parent's id alone, so that a parent that is delivered again names the same successor; no two
    ids have the same one, and none comes back to an id that was.
    """
    later = _LATER_PART.fullmatch(job_id)
    return f"{later[1]}~{int(later[2]) + 1}" if later else f"{job_id}~2"


def enqueue_successor(job: Job, message: Message) -> None:
    """Adds the job that goes on, if and only if this one commits; once, however often this one is delivered."""
    job.enqueue(message, job_id=successor_id(job.id))
