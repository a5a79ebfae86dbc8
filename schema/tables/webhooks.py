"""Tables of third-party events: what became of each, and the providers' objects that they tell of."""

from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, Table, Text, false

from nightshift.database.columns import document, instant, one_of
from nightshift.webhooks.outcomes import EVENT_OUTCOMES
from schema.tables.base import metadata

webhook_events = Table(
    "webhook_events",
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
"""`object_id`: what it is about; `reason`: why it was skipped or given up on; `body_key`: the object with its body."""

provider_objects = Table(
    "provider_objects",
    metadata,
    Column("source", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    instant("as_of", nullable=False),
    Column("event_id", Text),
    document("data"),
    Column("deleted", Boolean, nullable=False, default=False, server_default=false()),
    PrimaryKeyConstraint("source", "object_id"),
    Index(None, "source", "type"),
)
"""`as_of`: when the event happened that `data` is from, or the provider was asked; `event_id`: that event, if one;
`deleted`: it is gone at the provider, and the row stays so that a late event does not bring it back."""
