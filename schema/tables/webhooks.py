"""Tables of third-party events: what became of each, and the providers' objects that they tell of."""

from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, Table, Text, false

from nightshift.database.columns import document, instant
from nightshift.database.event_table import event_table
from schema.tables.base import metadata

webhook_events = event_table("webhook_events", metadata)

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
