"""The table of reports: what was asked for, and where its result is."""

from sqlalchemy import Column, Index, Table, Text

from nightshift.database.columns import belongs_to, created_at, document, identifier, instant, one_of
from schema.tables.base import metadata

REPORT_STATUSES = ("pending", "running", "done", "failed")

reports = Table(
    "reports",
    metadata,
    identifier(),
    Column("kind", Text, nullable=False),
    belongs_to("requested_by", "users.id", on_delete="SET NULL"),
    Column("requester_email", Text),
    document("parameters"),
    Column("status", Text, nullable=False, default="pending", server_default="pending"),
    Column("error", Text),
    Column("html_key", Text),
    Column("csv_key", Text),
    created_at(),
    instant("finished_at"),
    one_of("status", REPORT_STATUSES),
    Index(None, "requested_by"),
    Index(None, "created_at", "id"),
)
"""`requested_by`: a user, or NULL for a scheduled report; `requester_email`: whom to tell."""
