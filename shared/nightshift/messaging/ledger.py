"""The ledger: what became of jobs that are done, as their inbox rows tell it. What waits, or is dead, is not in it.

Nothing is ever counted here: a count of millions of rows takes seconds, and the broker's streams know theirs.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, select, tuple_

from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import processed_messages

Outcome = Literal["done", "skipped", "cancelled"]
CANCELLED: Final = "cancelled"
"""No worker has run it, and none will: its effects never happen."""
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
PAGE_ROWS = 500
_ROW = processed_messages.c
_OF_JOB = select(processed_messages).where(
    _ROW.consumer == bindparam("service"), _ROW.type == bindparam("type"), _ROW.id == bindparam("token")
)
_OF_JOBS = select(processed_messages).where(
    _ROW.consumer == bindparam("service"),
    _ROW.type == bindparam("type"),
    _ROW.id.in_(bindparam("tokens", expanding=True)),
)
_ORDER = (_ROW.processed_at, _ROW.consumer, _ROW.type, _ROW.id)


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job that has ended: its effects are committed, or never happen. What an older version has not noted is None."""

    type: str
    job_id: str
    """The id, or its safe token where that is not the id itself (`wire.safe_token`)."""
    outcome: str
    done_at: datetime
    attempt: int | None
    took_ms: int | None
    """Milliseconds from the start of the handler to the commit."""
    tenant: str | None
    result: Any
    """None too when its time to be kept is over."""


class LedgerPlace(NamedTuple):
    """Where a page of the ledger ended: the next one goes on behind it."""

    done_at: datetime
    consumer: str
    type: str
    token: str


class LedgerFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs of the ledger: those to which all of it applies."""

    type: str | None = None
    """`*` in it stands for any text."""
    tenant: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    """The first instant that is too late."""

    def conditions(self, dialect: str) -> list[ColumnElement[bool]]:
        """Return it in SQL.

        SQLite, which has no statistics of its own accord, would read all jobs of a type by the primary key, and sort
        them: without its first column it takes the index of the time, where that is bounded.
        """
        found = list[ColumnElement[bool]]()
        if self.type is not None:
            found.append(_of_type(self.type, by_time=dialect == "sqlite" and self.since is not None))
        if self.tenant is not None:
            found.append(_ROW.tenant == self.tenant)
        if self.outcome is not None:
            found.append(_ROW.outcome.is_(None) if self.outcome == "done" else _ROW.outcome == self.outcome)
        if self.since is not None:
            found.append(_ROW.processed_at >= self.since)
        if self.until is not None:
            found.append(_ROW.processed_at < self.until)
        return found


def _of_type(pattern: str, *, by_time: bool) -> ColumnElement[bool]:
    if "*" not in pattern and by_time:
        return _ROW.type == pattern
    if "*" not in pattern:
        return (_ROW.consumer == wire.service_of(pattern)) & (_ROW.type == pattern)
    escaped = pattern.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return _ROW.type.like(escaped.replace("*", "%"), escape="\\")


async def newest(
    database: Database, wanted: LedgerFilter, *, limit: int | None = None, size: int = PAGE_ROWS
) -> AsyncIterator[LedgerEntry]:
    """Yield jobs of the ledger, the newest first, page by page; at most `limit` of them if given.

    Raises:
        Unavailable: the database is unavailable.
    """
    left, last = limit, None
    while left is None or left > 0:
        size = size if left is None else min(size, left)
        entries, last = await page(database, wanted, last, size=size)
        for entry in entries:
            yield entry
        if last is None:
            return
        left = None if left is None else left - size


async def page(
    database: Database, wanted: LedgerFilter, before: LedgerPlace | None, *, size: int = PAGE_ROWS
) -> tuple[list[LedgerEntry], LedgerPlace | None]:
    """Return the next page of jobs, the newest first, behind a place; and its own end, None if there are no more.

    Raises:
        Unavailable: the database is unavailable.
    """
    query = select(processed_messages).where(*wanted.conditions(database.dialect), *_before(before))
    rows = await _rows(database, query.order_by(*(column.desc() for column in _ORDER)).limit(size))
    end = LedgerPlace(*(rows[-1][column] for column in _ORDER)) if len(rows) == size else None
    return [_entry(row) for row in rows], end


def _before(last: LedgerPlace | None) -> list[ColumnElement[bool]]:
    """Return the condition for rows behind the last one; the instant alone, too, so that its index is used."""
    return [] if last is None else [_ROW.processed_at <= last.done_at, tuple_(*_ORDER) < tuple_(*last)]


async def find(database: Database, job_type: str, job_id: str) -> LedgerEntry | None:
    """Return the entry of a job; None if it is not done, or was longer ago than the ledger is kept.

    Raises:
        Unavailable: the database is unavailable.
    """
    return await database.ask(lambda connection: find_in(connection, job_type, job_id))


def find_in(connection: Connection, job_type: str, job_id: str) -> LedgerEntry | None:
    """Return the entry of a job, as `find` does, on a connection that asks for more than that."""
    wanted = {"service": wire.service_of(job_type), "type": job_type, "token": wire.safe_token(job_id)}
    row = connection.execute(_OF_JOB, wanted).mappings().one_or_none()
    return None if row is None else _entry(row)


def find_all_in(connection: Connection, jobs: Sequence[tuple[str, str]]) -> list[LedgerEntry | None]:
    """Return what `find_in` returns for each of these types and ids, by one query for each type."""
    tokens: defaultdict[str, set[str]] = defaultdict(set)
    for job_type, job_id in jobs:
        tokens[job_type].add(wire.safe_token(job_id))
    found = {}
    for job_type, of_type in tokens.items():
        wanted = {"service": wire.service_of(job_type), "type": job_type, "tokens": sorted(of_type)}
        for row in connection.execute(_OF_JOBS, wanted).mappings():
            found[job_type, row[_ROW.id]] = _entry(row)
    return [found.get((job_type, wire.safe_token(job_id))) for job_type, job_id in jobs]


def _entry(row: RowMapping) -> LedgerEntry:
    """Return a row of the table as an entry."""
    result = row[_ROW.result]
    return LedgerEntry(
        type=row[_ROW.type],
        job_id=row[_ROW.id],
        outcome=row[_ROW.outcome] or "done",
        done_at=row[_ROW.processed_at],
        attempt=row[_ROW.attempt],
        took_ms=row[_ROW.took_ms],
        tenant=row[_ROW.tenant],
        result=None if result is None else msgspec.json.decode(result),
    )


async def _rows(database: Database, query: Any) -> Sequence[RowMapping]:
    return await database.ask(lambda connection: connection.execute(query).mappings().all())
