"""Rows of the outbox: jobs that are committed, and that the broker does not have yet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import outbox as table
from nightshift.observability.metrics import BY_SQL


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A row in a list. `written_by` is a service, or `sql`; `queue` is the service that it is for."""

    id: str
    written_by: str
    queue: str
    subject: str
    job_id: str
    written_at: datetime
    not_before: datetime | None
    bytes: int
    tries: int
    retry_at: datetime | None
    error: str


class OutboxRowWhole(OutboxRow, frozen=True, kw_only=True, omit_defaults=True):
    """A row in full; `body` if it is JSON, else `text`."""

    headers: dict[str, str]
    body: Any = msgspec.UNSET
    text: str | None = None


async def outbox_rows(
    database: Database, condition: ColumnElement[bool], *, limit: int | None = None
) -> list[OutboxRowWhole]:
    """Return the oldest rows that meet the condition, with headers and body.

    Raises:
        Unavailable: the database is unavailable.
    """
    query = select(table).where(condition).order_by(table.c.created_at, table.c.id).limit(limit)
    return [_row(row) for row in await database.ask(lambda connection: connection.execute(query).mappings().all())]


async def count_rows(database: Database, condition: ColumnElement[bool]) -> int:
    """Return how many rows meet the condition."""
    query = select(func.count()).select_from(table).where(condition)
    return await database.ask(lambda connection: int(connection.execute(query).scalar_one()))


def failed() -> ColumnElement[bool]:
    """Select what could not be published."""
    return table.c.error.is_not(None)


def blameless() -> ColumnElement[bool]:
    """Select what nothing is known against."""
    return table.c.error.is_(None)


def written_by(consumer: str) -> ColumnElement[bool]:
    """Select what jobs of a service wrote."""
    return table.c.consumer == consumer


def for_queue(service: str) -> ColumnElement[bool]:
    """Select what is for the queues of a service."""
    return or_(*(table.c.subject.startswith(f"{kind}.{service}.", autoescape=True) for kind in ("jobs", "later")))


def named(references: Sequence[str]) -> ColumnElement[bool]:
    """Select rows by their id, or by that of their job."""
    return or_(table.c.id.in_(references), table.c.headers[wire.JOB_ID].as_string().in_(references))


async def retry_rows(database: Database, condition: ColumnElement[bool], now: datetime) -> int:
    """Make rows due that could not be published; return how many."""
    statement = update(table).where(and_(condition, failed())).values(retry_at=now)
    return await database.commit(lambda connection: _count(connection, statement))


async def drop_rows(database: Database, condition: ColumnElement[bool]) -> int:
    """Delete rows: their jobs never run. Return how many there were."""
    return await database.commit(lambda connection: _count(connection, delete(table).where(condition)))


def _count(connection: Connection, statement: Any) -> int:
    return int(connection.execute(statement).rowcount)


def _queue_of(subject: str) -> str:
    """Return the service of `jobs.<type>`, or of `later.<type>.<job id>`."""
    return [*subject.split("."), ""][1]


def _row(row: Any) -> OutboxRowWhole:
    body, content = bytes(row["body"]), dict[str, Any]()
    try:
        content["body"] = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content["text"] = body.decode("utf-8", "backslashreplace")
    return OutboxRowWhole(
        id=row["id"],
        written_by=BY_SQL if row["service"] else row["consumer"],
        queue=_queue_of(row["subject"]),
        subject=row["subject"],
        job_id=row["headers"].get(wire.JOB_ID, ""),
        written_at=row["created_at"],
        not_before=row["not_before"],
        bytes=len(body),
        tries=row["tries"],
        retry_at=row["retry_at"],
        error=row["error"] or "",
        headers=row["headers"],
        **content,
    )
