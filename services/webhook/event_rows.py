"""The rows of events: what became of each, written with its effects."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.webhooks.handled import WebhookEvent
from schema.tables import webhook_events as table

_KEY = (table.c.source, table.c.event_id)
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_MAX_REASON = 1000


def _upsert(dialect: str, *, only_dead: bool) -> Any:
    statement = _INSERTS[dialect](table)
    fresh = {column.name: statement.excluded[column.name] for column in table.c if column not in _KEY}
    where = table.c.outcome == "dead" if only_dead else None
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_=fresh, where=where)


RECORD = {dialect: _upsert(dialect, only_dead=False) for dialect in _INSERTS}
"""Write an event's row, by database; of an event that is replayed, the last outcome counts."""
RECORD_DEAD = {dialect: _upsert(dialect, only_dead=True) for dialect in _INSERTS}
"""Write that an event was given up on; a worker that was thought dead may have handled it meanwhile."""
_CHANGE_OUTCOME = (
    update(table)
    .where(table.c.source == bindparam("this_source"), table.c.event_id == bindparam("this_event"))
    .values(outcome=bindparam("new_outcome"), reason=bindparam("new_reason"))
)


async def change_outcome(connection: AsyncConnection, event: WebhookEvent, outcome: str, reason: str) -> None:
    """Change the outcome of an event whose row is written in the same transaction."""
    event.outcome = outcome
    key = {"this_source": event.source, "this_event": event.id}
    await connection.execute(_CHANGE_OUTCOME, {**key, "new_outcome": outcome, "new_reason": reason})


def row_of(
    event: WebhookEvent,
    outcome: str,
    now: datetime,
    *,
    reason: str | None = None,
    object_id: str | None = None,
    body_key: str | None = None,
) -> dict[str, Any]:
    """Return the row of an event."""
    about = event.about
    return {
        "source": about.source,
        "event_id": about.event_id,
        "type": about.event_type,
        "delivery_id": about.delivery_id,
        "occurred_at": about.occurred_at,
        "received_at": about.received_at,
        "handled_at": now,
        "outcome": outcome,
        "reason": reason[:_MAX_REASON] if reason else None,
        "object_id": object_id,
        "body_key": body_key,
    }
