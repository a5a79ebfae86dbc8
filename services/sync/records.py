"""The rows of synced records: upserted by external id, marked as seen by rounds, marked as removed in pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from schema.tables import external_records as table
from services.sync.connector import Record

REMOVED_PAGE = 500
"""Records marked as removed in one transaction."""

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _upsert(dialect: str) -> Any:
    statement = _INSERTS[dialect](table)
    fresh = {name: statement.excluded[name] for name in ("kind", "data", "generation", "seen_at", "removed_at")}
    return statement.on_conflict_do_update(index_elements=[table.c.account_id, table.c.external_id], set_=fresh)


_UPSERT = {dialect: _upsert(dialect) for dialect in _INSERTS}
_SEEN = (
    update(table)
    .where(table.c.account_id == bindparam("this_account"), table.c.external_id.in_(bindparam("ids", expanding=True)))
    .values(
        {
            table.c.generation: bindparam("new_generation"),
            table.c.seen_at: bindparam("new_seen_at", type_=table.c.seen_at.type),
            table.c.removed_at: None,
        }
    )
)
_THERE = (table.c.account_id == bindparam("this_account"), table.c.removed_at.is_(None))
_ANY = select(table.c.external_id).where(*_THERE).limit(1)
_UNSEEN = (
    select(table.c.external_id)
    .where(*_THERE, table.c.generation < bindparam("this_generation"))
    .order_by(table.c.external_id)
    .limit(REMOVED_PAGE)
)
_REMOVE = (
    update(table)
    .where(table.c.account_id == bindparam("this_account"), table.c.external_id.in_(bindparam("ids", expanding=True)))
    .values({table.c.removed_at: bindparam("new_removed_at", type_=table.c.removed_at.type)})
)


async def write_records(
    connection: AsyncConnection, account_id: str, records: Sequence[Record], generation: int, now: datetime
) -> None:
    """Upsert a page of records; one that was marked as removed is restored."""
    rows = {
        record.external_id: {
            "account_id": account_id,
            "external_id": record.external_id,
            "kind": record.kind,
            "data": record.data,
            "generation": generation,
            "seen_at": now,
            "removed_at": None,
        }
        for record in records
    }
    if rows:
        await connection.execute(_UPSERT[connection.dialect.name], list(rows.values()))


async def mark_seen(
    connection: AsyncConnection, account_id: str, ids: Sequence[str], generation: int, now: datetime
) -> bool:
    """Mark the records of an unchanged page as seen; return False if some of them have no row."""
    values = {"this_account": account_id, "ids": list(ids), "new_generation": generation, "new_seen_at": now}
    result: CursorResult[Any] = await connection.execute(_SEEN, values)
    return result.rowcount == len(ids)


async def has_records(connection: AsyncConnection, account_id: str) -> bool:
    """Tell whether the account has any record that is not removed."""
    return (await connection.execute(_ANY, {"this_account": account_id})).first() is not None


async def has_unseen(connection: AsyncConnection, account_id: str, generation: int) -> bool:
    """Tell whether there are records that this round has not seen."""
    found = await connection.execute(_UNSEEN, {"this_account": account_id, "this_generation": generation})
    return found.first() is not None


async def remove_unseen(connection: AsyncConnection, account_id: str, generation: int, now: datetime) -> int:
    """Mark a page of the records that this round has not seen as removed; return how many there were."""
    found = await connection.execute(_UNSEEN, {"this_account": account_id, "this_generation": generation})
    ids = list(found.scalars())
    if ids:
        await connection.execute(_REMOVE, {"this_account": account_id, "ids": ids, "new_removed_at": now})
    return len(ids)
