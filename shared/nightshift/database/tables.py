"""The library's tables: inbox, outbox, crash marks, leases, keys, events of providers, jobs by SQL.

They have a metadata and a migration history of their own, so that the database may be the application's. On PostgreSQL
they are in the schema `nightshift`; SQLite has no schemas, and its engines leave the name out.
"""

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text, text

from nightshift.database.column_types import Instant
from nightshift.database.columns import (
    NAMING_CONVENTION,
    Document,
    GivenByDatabase,
    created_at,
    document,
    identifier,
    instant,
)
from nightshift.database.event_table import event_table
from nightshift.instants import utc_now

SCHEMA = "nightshift"
SCHEMAS_ON_SQLITE: dict[str | None, str | None] = {SCHEMA: None}
"""What SQLAlchemy calls a `schema_translate_map`. It costs some 10 µs per statement about one of these tables."""

metadata = MetaData(schema=SCHEMA, naming_convention=NAMING_CONVENTION)


def _where(condition: str) -> dict[str, Any]:
    """Return what makes an index hold only the rows of which a condition is true."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


processed_messages = Table(
    "processed_messages",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    instant("processed_at", nullable=False),
    Column("outcome", Text),
    Column("attempt", Integer),
    Column("took_ms", Integer),
    Column("tenant", Text),
    Column("result", Text),
    # The guarantee itself: a second insert of the same job fails, and its transaction with it.
    PrimaryKeyConstraint("consumer", "type", "id"),
    # The ledger is read, and the cleanup removes old rows, by time.
    Index(None, "processed_at"),
    # The ledger of one tenant. Partial indexes: a job without a tenant or a result pays nothing for them.
    Index(None, "tenant", "processed_at", **_where("tenant IS NOT NULL")),
    # The cleanup forgets old results.
    Index("ix_processed_messages_result", "processed_at", **_where("result IS NOT NULL")),
)
"""The inbox, and so the ledger: one row per job whose effects are committed.

`outcome` is NULL for `done`, else `skipped`; or `cancelled` for a job that will never run, which has no effects.
`attempt` is the one that succeeded, `took_ms` its time from the start of the handler to the commit. `tenant` is what
the job's header says; `result` is JSON, kept for a few days only. Rows of versions before 0.2.0 have none of these.
"""

JOB_ID_IN_HEADERS = GivenByDatabase(postgresql="(headers ->> 'Job-Id')", sqlite="json_extract(headers, '$.\"Job-Id\"')")
"""The id of the job that a row of the outbox is, word for word as its index has it."""

outbox = Table(
    "outbox",
    metadata,
    Column(
        "id",
        Text,
        primary_key=True,
        server_default=GivenByDatabase(postgresql="(gen_random_uuid())::text", sqlite="lower(hex(randomblob(16)))"),
    ),
    Column("consumer", Text, nullable=False, server_default=""),
    Column("type", Text),
    Column("parent_id", Text),
    Column("subject", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Document, nullable=False, default=dict, server_default="{}"),
    instant("not_before"),
    Column(
        "created_at",
        Instant,
        nullable=False,
        default=utc_now,
        server_default=GivenByDatabase(postgresql="now()", sqlite="strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"),
    ),
    Column("service", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    instant("retry_at"),
    Column("error", Text),
    # A delivery of a job that is done publishes what that job's outbox still holds.
    Index(None, "consumer", "type", "parent_id"),
    # The relay looks for rows that are older than a minute.
    Index(None, "created_at"),
    # The relay of what was enqueued by SQL; no other row is in it.
    Index(None, "service", "retry_at", "created_at", **_where("service IS NOT NULL")),
    # Whoever asks for a job's state, or cancels it, knows its id. The jobs of other jobs pay nothing for it.
    Index("ix_outbox_job_id", JOB_ID_IN_HEADERS, **_where("type IS NULL")),
)
"""Jobs that exist because a transaction committed, until the broker has them.

The id is `<consumer>/<type>/<parent id>/<n>`; `type` and `parent_id` are the parent's, NULL for rows that no job wrote.

Rows that were enqueued by SQL have no consumer. The database checks them by triggers (migration 0004), and names the
`service` whose relay publishes them; in all other rows it is NULL.

`tries`, `retry_at` and `error` say how often a row could not be published, when it is tried again, and why.
"""

producer_types = Table("producer_types", metadata, Column("type", Text, primary_key=True))
"""The job types that may be enqueued by SQL. `provision` writes them, the database's own check reads them."""

crash_marks = Table(
    "crash_marks",
    metadata,
    Column("service", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("naks", Integer, nullable=False, default=0),
    Column("started", Boolean, nullable=False, default=False),
    instant("marked_at", nullable=False),
    PrimaryKeyConstraint("service", "origin"),
    # The cleanup removes old rows by age.
    Index(None, "marked_at"),
)
"""What is known of messages that are delivered again and again.

`origin` names the message: its stream, sequence and time of storage. `naks` counts deliveries that ended in good order.
`started` says that its last permitted delivery has started: a further delivery that finds it proves a crash loop.
"""

leases = Table(
    "leases",
    metadata,
    Column("service", Text, nullable=False),
    Column("task", Text, nullable=False),
    instant("expires_at", nullable=False),
    PrimaryKeyConstraint("service", "task"),
)
"""Tasks that one replica of a service does at a time: nobody else begins one before its lease has expired."""

gateway_keys = Table(
    "gateway_keys",
    metadata,
    identifier(),
    Column("name", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("user_id", Text),
    document("scopes"),
    document("limits"),
    created_at(),
    instant("expires_at"),
    instant("revoked_at"),
    instant("last_used_at"),
)
"""The API keys of a gateway whose application has no table of its own for them.

`id` is the part of a key that is no secret; `digest` is the SHA-256 of the whole key, in hexadecimal. `scopes` is a
list of texts; `limits` what the key may use up, where that is not the gateway's default.
"""

received_webhooks = event_table("received_webhooks", metadata)
"""What became of each event of a provider, where the application has no table of its own for it."""
