"""The table of cleanup runs: what each removed, what it kept, whether it got to the end."""

from sqlalchemy import Boolean, Column, Index, Table, Text, false

from nightshift.database.columns import document, identifier, instant
from schema.tables.base import metadata

cleanup_runs = Table(
    "cleanup_runs",
    metadata,
    identifier(),
    Column("job_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    instant("started_at", nullable=False),
    instant("finished_at"),
    document("deleted"),
    document("kept"),
    Column("done", Boolean, nullable=False, default=False, server_default=false()),
    Index(None, "job_id"),
    Index(None, "kind", "started_at"),
)
"""`deleted`, `kept`: counts by what was counted; `done`: false where a successor goes on."""
