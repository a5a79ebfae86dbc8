"""Revision 0002: crash marks and leases get tables of their own; they were rows of the inbox with made-up job types."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SCHEMA = "nightshift"
"""On SQLite the connection leaves it out."""


def upgrade() -> None:
    """Create both tables and empty the inbox of what was no job.

    Crash marks move, so that a job that was on its last delivery does not get ten more. Leases are dropped: they were
    for 20 seconds, and without one a replica sweeps once more than it had to.
    """
    op.create_table(
        "crash_marks",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("naks", sa.Integer(), nullable=False),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service", "origin", name=op.f("pk_crash_marks")),
        schema=_SCHEMA,
    )
    op.create_index(op.f("ix_crash_marks_marked_at"), "crash_marks", ["marked_at"], schema=_SCHEMA)
    op.create_table(
        "leases",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service", "task", name=op.f("pk_leases")),
        schema=_SCHEMA,
    )
    _clear_inbox()


def _columns_of(table: str, *columns: str) -> sa.Table:
    return sa.Table(table, sa.MetaData(), *(sa.Column(column) for column in columns), schema=_SCHEMA)


def _clear_inbox() -> None:
    inbox = _columns_of("processed_messages", "consumer", "type", "id", "processed_at")
    columns = ("service", "origin", "naks", "started", "marked_at")
    marked = sa.select(inbox.c.consumer, inbox.c.id, sa.literal_column("0"), sa.true(), inbox.c.processed_at).where(
        inbox.c.type == "last-life"
    )
    op.execute(sa.insert(_columns_of("crash_marks", *columns)).from_select(columns, marked))
    op.execute(sa.delete(inbox).where(inbox.c.type.in_(["last-life", "sweep"])))


def downgrade() -> None:
    """Refuse: version 0.1.0 has no history of its own for these tables. Restore a backup instead.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("to go back before revision 0002, restore a backup")
