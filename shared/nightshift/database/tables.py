"""Tables of the chassis: the inbox (jobs that are done) and the outbox (jobs to be published)."""

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from nightshift.database.columns import created_at, document, instant, metadata

processed_messages = Table(
    "processed_messages",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    instant("processed_at", nullable=False),
    # The guarantee itself: a second insert of the same job fails, and its transaction with it.
    PrimaryKeyConstraint("consumer", "type", "id"),
    # The cleanup removes old rows by age.
    Index(None, "processed_at"),
)
"""The inbox: one row per job whose effects are committed."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("type", Text),
    Column("parent_id", Text),
    Column("subject", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    document("headers"),
    instant("not_before"),
    created_at(),
    # A delivery of a job that is done publishes what that job's outbox still holds.
    Index(None, "consumer", "type", "parent_id"),
    # The relay looks for rows that are older than a minute.
    Index(None, "created_at"),
)
"""Jobs that exist because their parent committed, until the broker has them.

`id` is `<consumer>/<type>/<parent id>/<n>`; `type` and `parent_id` are the parent's, NULL for rows that no job wrote.
"""
