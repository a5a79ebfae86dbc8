"""A provider's objects: of all that is known of one, the newest state is kept, in whatever order events come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from schema.tables import provider_objects as table

Written = Literal["stored", "stale", "tie"]
_KEY = (table.c.source, table.c.object_id)
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(slots=True, frozen=True, kw_only=True)
class ObjectState:
    """What a provider said of an object; `as_of` is when the event happened, and not when the object was made."""

    source: str
    object_id: str
    type: str
    as_of: datetime
    event_id: str | None
    """The event that said so; None where the provider was asked."""
    data: dict[str, Any]
    deleted: bool


def _upsert(dialect: str) -> Any:
    statement = _INSERTS[dialect](table)
    fresh = {column.name: statement.excluded[column.name] for column in table.c if column not in _KEY}
    newer = statement.excluded.as_of > table.c.as_of
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_=fresh, where=newer)


_UPSERT = {dialect: _upsert(dialect) for dialect in _INSERTS}
_KEPT = select(table.c.as_of, table.c.data, table.c.deleted).where(
    table.c.source == bindparam("this_source"), table.c.object_id == bindparam("this_object")
)


async def store_newer(connection: AsyncConnection, state: ObjectState) -> Written:
    """Store a state unless a newer one is there.

    Returns:
        `stored`, also if it is there already; `stale`: a newer one is there; `tie`: another one of the same instant is
        there, and nobody can tell from the two which is the newer.
    """
    row = {name: getattr(state, name) for name in ObjectState.__slots__}
    if (await connection.execute(_UPSERT[connection.dialect.name], row)).rowcount:
        return "stored"
    kept = (await connection.execute(_KEPT, {"this_source": state.source, "this_object": state.object_id})).one()
    if kept.as_of != state.as_of:
        return "stale"
    return "stored" if (kept.data, kept.deleted) == (state.data, state.deleted) else "tie"
