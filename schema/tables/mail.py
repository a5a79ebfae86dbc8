"""Tables of mail: what was sent to whom, what became of it, and who gets none any more."""

from sqlalchemy import Column, Index, Integer, Table, Text

from nightshift.database.columns import created_at, document, identifier, instant, one_of
from schema.tables.base import metadata

MAIL_TRANSPORTS = ("smtp", "resend")
DELIVERY_STATUSES = ("waiting", "sent", "failed", "bounced", "complained", "suppressed")
"""`waiting`: somebody is to be asked again; `failed`: somebody was refused for good; `suppressed`: not sent, as
everybody it was for is on the suppression list."""
SUPPRESSION_REASONS = ("bounced", "complained", "manual")

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
    instant("sent_at"),
    Column("status", Text, nullable=False, default="sent", server_default="sent"),
    instant("status_at"),
    Column("status_reason", Text),
    document("outcomes", nullable=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    instant("deferred_at"),
    one_of("transport", MAIL_TRANSPORTS),
    one_of("status", DELIVERY_STATUSES),
    Index(None, "job_id"),
    Index(None, "message_id"),
    # A provider tells by its own id what became of a mail.
    Index(None, "provider_id"),
    # Reports count mails by date.
    Index(None, "sent_at"),
)
"""`recipients`: a list of addresses; `provider_id`: the provider's name for it; `message_id`: its `Message-ID`;
`sent_at`: when a server first took it, for anybody; `status_at`, `status_reason`: what the provider said of it later,
or who was left out; `outcomes`: an object with `state` (accepted, waiting, refused), `reply` and `at` for each address;
`tries`: how often a server has put it off, for the first time at `deferred_at`."""

email_suppressions = Table(
    "email_suppressions",
    metadata,
    Column("address", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
    created_at(),
    one_of("reason", SUPPRESSION_REASONS),
    # Listed by time.
    Index(None, "created_at", "address"),
)
"""`address`: in lower case, without a name; `detail`: the provider's words, or those of whoever added it."""
