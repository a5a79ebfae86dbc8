"""The table of sent mail: to whom, through what, when, under which ids."""

from sqlalchemy import Column, Index, Table, Text

from nightshift.database.columns import document, identifier, instant, one_of
from schema.tables.base import metadata

MAIL_TRANSPORTS = ("smtp", "resend")

email_deliveries = Table(
    "email_deliveries",
    metadata,
    identifier(),
    Column("job_id", Text, nullable=False),
    document("recipients"),
    Column("subject", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("provider_id", Text),
    Column("message_id", Text, nullable=False),
    instant("sent_at", nullable=False),
    one_of("transport", MAIL_TRANSPORTS),
    Index(None, "job_id"),
    Index(None, "message_id"),
    # Reports count mails by date.
    Index(None, "sent_at"),
)
"""`recipients`: a list of addresses; `provider_id`: the provider's name for it; `message_id`: its `Message-ID`."""
