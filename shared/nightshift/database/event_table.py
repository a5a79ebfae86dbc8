"""The table of providers' events, the library's own or an application's: what became of each."""

from sqlalchemy import Column, Index, MetaData, PrimaryKeyConstraint, Table, Text

from nightshift.database.columns import instant, one_of
from nightshift.webhooks.outcomes import EVENT_OUTCOMES


def event_table(name: str, metadata: MetaData) -> Table:
    """Return a table of events.

    `object_id`: what it is about; `reason`: why it was skipped or given up on; `body_key`: the object with its body.
    """
    return Table(
        name,
        metadata,
        Column("source", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("delivery_id", Text),
        instant("occurred_at"),
        instant("received_at", nullable=False),
        instant("handled_at", nullable=False),
        Column("outcome", Text, nullable=False),
        Column("reason", Text),
        Column("object_id", Text),
        Column("body_key", Text),
        PrimaryKeyConstraint("source", "event_id"),
        one_of("outcome", EVENT_OUTCOMES),
        # Listed by time, and deleted by age.
        Index(None, "received_at", "source", "event_id"),
    )
