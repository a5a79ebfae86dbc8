"""Tables of synced data: accounts at external services, and the records pulled from them."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from nightshift.database.columns import belongs_to, created_at, document, identifier, instant, one_of
from schema.tables.base import metadata

ACCOUNT_STATUSES = ("active", "revoked", "disabled")
"""`revoked`: has to be linked again; `disabled`: switched off by a person, or, with an `error`, for failing a month."""

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
    Column("failures", Integer, nullable=False, default=0, server_default="0"),
    Column("refusals", Integer, nullable=False, default=0, server_default="0"),
    instant("first_failed_at"),
    instant("retry_at"),
    instant("last_synced_at"),
    created_at(),
    instant("updated_at"),
    one_of("status", ACCOUNT_STATUSES),
    UniqueConstraint("user_id", "service"),
    # A sync of all pages through the active accounts by id.
    Index(None, "status", "id"),
    # A webhook of the service names the account as the service does.
    Index(None, "service", "external_account"),
)
"""`checkpoint`: where a sync goes on; `generation`: the round in progress, or done last; `credentials`: a secret.

While an account fails, `first_failed_at` and `error` say since when and why, `failures` and `refusals` (those of its
credentials, in a row) how often, each at least a pause after the one before, and `retry_at` when it is tried again. A
page that arrives resets all five, and so does whoever switches it off.
"""

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
