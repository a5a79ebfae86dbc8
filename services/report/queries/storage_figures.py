"""Read the figures of stored files from the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schema.tables import files, users
from services.report.period import Period
from services.report.queries.daily_counts import Days, count_by_day, sum_by_day

_AT = files.c.created_at
_COUNT = func.count().label("files")
_BYTES = func.coalesce(func.sum(files.c.size), 0).label("bytes")
_TYPES_SHOWN = 12
_LARGEST_SHOWN = 10


@dataclass(slots=True, frozen=True)
class Stored:
    """Number and total bytes of the files of one sort."""

    of: str | None
    files: int
    bytes: int


@dataclass(slots=True, frozen=True)
class Owner:
    """A user with the number and total bytes of their files."""

    id: str
    name: str
    email: str
    files: int
    bytes: int


@dataclass(slots=True, frozen=True)
class LargeFile:
    """One file; `owner` is None if the owner was deleted."""

    name: str
    owner: str | None
    content_type: str | None
    bytes: int


@dataclass(slots=True, frozen=True)
class StorageFigures:
    """What was stored at the start and the end of the period, by status, type and owner; what was added by day."""

    at_end: Stored
    at_start: Stored
    ownerless: Stored
    added: Days
    added_bytes: Days
    by_status: Sequence[Stored]
    by_type: Sequence[Stored]
    owners: int
    largest_owners: Sequence[Owner]
    largest_files: Sequence[LargeFile]


async def storage_figures(connection: AsyncConnection, period: Period, *, max_owners: int) -> StorageFigures:
    """Count the files that exist now by the time of their upload; list at most `max_owners` owners."""
    until = period.end > _AT
    owners = select(func.count(files.c.user_id.distinct())).where(until)
    return StorageFigures(
        at_end=await _stored(connection, until),
        at_start=await _stored(connection, period.start > _AT),
        ownerless=await _stored(connection, until, files.c.user_id.is_(None)),
        added=await count_by_day(connection, period, _AT),
        added_bytes=await sum_by_day(connection, period, _AT, files.c.size),
        by_status=await _by(connection, files.c.status, until),
        by_type=await _by(connection, files.c.content_type, until, limit=_TYPES_SHOWN),
        owners=int((await connection.execute(owners)).scalar_one()),
        largest_owners=await _owners(connection, until, max_owners),
        largest_files=await _largest(connection, until),
    )


async def _stored(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Stored:
    row = (await connection.execute(select(_COUNT, _BYTES).where(*conditions))).one()
    return Stored(None, int(row.files), int(row.bytes))


async def _by(
    connection: AsyncConnection, column: ColumnElement[Any], until: ColumnElement[bool], limit: int | None = None
) -> list[Stored]:
    query = select(column.label("sort"), _COUNT, _BYTES).where(until).group_by(column)
    ordered = query.order_by(_BYTES.desc(), _COUNT.desc(), column).limit(limit)
    return [Stored(row.sort, int(row.files), int(row.bytes)) for row in await connection.execute(ordered)]


async def _owners(connection: AsyncConnection, until: ColumnElement[bool], limit: int) -> list[Owner]:
    owned = (
        select(files.c.user_id, _COUNT, _BYTES)
        .where(until, files.c.user_id.is_not(None))
        .group_by(files.c.user_id)
        .order_by(_BYTES.desc(), files.c.user_id)
        .limit(limit)
        .subquery()
    )
    query = (
        select(users.c.id, users.c.name, users.c.email, owned.c.files, owned.c.bytes)
        .join(owned, owned.c.user_id == users.c.id)
        .order_by(owned.c.bytes.desc(), users.c.id)
    )
    return [Owner(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in await connection.execute(query)]


async def _largest(connection: AsyncConnection, until: ColumnElement[bool]) -> list[LargeFile]:
    query = (
        select(files.c.original_name, users.c.email, files.c.content_type, files.c.size)
        .select_from(files.outerjoin(users, users.c.id == files.c.user_id))
        .where(until, files.c.size > 0)
        .order_by(files.c.size.desc(), files.c.id)
        .limit(_LARGEST_SHOWN)
    )
    return [LargeFile(*row) for row in await connection.execute(query)]
