"""Tables of synced data: accounts at external services, and the records pulled from them."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from nightshift.database.columns import belongs_to, created_at, document, identifier, instant, one_of
from schema.tables.base import metadata

ACCOUNT_STATUSES = ("active", "revoked", "disabled")
"""`revoked`: the service refuses the credentials; `disabled`: switched off by a person."""

linked_accounts = Table(
    "linked_accounts",
    metadata,
    identifier(),
    belongs_to("user_id", "users.id", on_delete="CASCADE"),
    Column("service", Text, nullable=False),
    Column("external_account", Text, nullable=False, default=""),
    Column("base_url", Text),
    Column("credentials", Text),
    document("checkpoint"),
    Column("generation", Integer, nullable=False, default=0, server_default="0"),
    Column("status", Text, nullable=False, default="active", server_default="active"),
    Column("error", Text),
    instant("last_synced_at"),
    created_at(),
    instant("updated_at"),
    one_of("status", ACCOUNT_STATUSES),
    UniqueConstraint("user_id", "service"),
    # A sync of all pages through the active accounts by id.
    Index(None, "status", "id"),
)
"""`checkpoint`: where a sync goes on; `generation`: the round in progress, or done last; `credentials`: a secret."""

external_records = Table(
    "external_records",
    metadata,
    belongs_to("account_id", "linked_accounts.id", on_delete="CASCADE"),
    Column("external_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    document("data"),
    Column("generation", Integer, nullable=False, default=0, server_default="0"),
    instant("seen_at", nullable=False),
    instant("removed_at"),
    PrimaryKeyConstraint("account_id", "external_id"),
    # At the end of a round, what it has not seen is marked as removed.
    Index(None, "account_id", "generation"),
)
"""`generation`: the round that saw the record last; `removed_at`: when a whole round no longer had it."""
