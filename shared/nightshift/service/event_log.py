"""The rows of providers' events: what became of each, written with its effects."""

from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database.tables import received_webhooks
from nightshift.webhooks.handled import WebhookEvent

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_MAX_REASON = 1000


class EventLog:
    """What is written into a table of events: the library's own, or one of the application's with the same columns."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.record = {dialect: self._upsert(dialect, only_dead=False) for dialect in _INSERTS}
        """Write an event's row, by database; of an event that is replayed, the last outcome counts."""
        self.record_dead = {dialect: self._upsert(dialect, only_dead=True) for dialect in _INSERTS}
        """Write that an event was given up on; a worker that was thought dead may have handled it meanwhile."""
        self._change_outcome = (
            update(table)
            .where(table.c.source == bindparam("this_source"), table.c.event_id == bindparam("this_event"))
            .values(outcome=bindparam("new_outcome"), reason=bindparam("new_reason"))
        )

    async def change_outcome(self, connection: AsyncConnection, event: WebhookEvent, outcome: str, reason: str) -> None:
        """Change the outcome of an event whose row is written in the same transaction."""
        event.outcome = outcome
        key = {"this_source": event.source, "this_event": event.id}
        await connection.execute(self._change_outcome, {**key, "new_outcome": outcome, "new_reason": reason})

    def _upsert(self, dialect: str, *, only_dead: bool) -> Any:
        statement, key = _INSERTS[dialect](self.table), list(self.table.primary_key.columns)
        fresh = {column.name: statement.excluded[column.name] for column in self.table.c if column not in key}
        where = self.table.c.outcome == "dead" if only_dead else None
        return statement.on_conflict_do_update(index_elements=key, set_=fresh, where=where)


OWN = EventLog(received_webhooks)
"""The library's own."""


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
        "object_id": object_id if isinstance(object_id, str) else None,
        "body_key": body_key,
    }
