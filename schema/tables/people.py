"""Tables about the users of the web application: who they are, their sessions, what they did."""

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from nightshift.database.columns import belongs_to, created_at, document, identifier, instant
from schema.tables.base import metadata

users = Table(
    "users",
    metadata,
    identifier(),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False, default=""),
    created_at(),
    UniqueConstraint("email"),
    # Reports count new users by date.
    Index(None, "created_at"),
)

sessions = Table(
    "sessions",
    metadata,
    identifier(),
    belongs_to("user_id", "users.id", on_delete="CASCADE"),
    created_at(),
    instant("expires_at", nullable=False),
    Index(None, "user_id"),
    # The cleanup pages through expired sessions by this key.
    Index(None, "expires_at", "id"),
)

activity_logs = Table(
    "activity_logs",
    metadata,
    identifier(),
    # A log entry outlives its user: it is evidence, until it is old enough for the cleanup.
    belongs_to("user_id", "users.id", on_delete="SET NULL"),
    Column("action", Text, nullable=False),
    document("details"),
    created_at(),
    # The cleanup pages by this key; reports read a stretch of time.
    Index(None, "created_at", "id"),
    Index(None, "user_id", "created_at"),
)
