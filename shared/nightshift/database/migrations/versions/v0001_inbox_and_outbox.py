"""Revision 0001: the inbox and the outbox.

A revision says everything itself and never imports `nightshift.database.tables`, which goes on changing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SCHEMA = "nightshift"
"""On SQLite the connection leaves it out."""


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), schema=_SCHEMA)


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "processed_messages",
        _text("consumer"),
        _text("type"),
        _text("id"),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "type", "id", name=op.f("pk_processed_messages")),
        schema=_SCHEMA,
    )
    _index("processed_messages", "processed_at")
    op.create_table(
        "outbox",
        _text("id"),
        _text("consumer"),
        _text("type", null=True),
        _text("parent_id", null=True),
        _text("subject"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        schema=_SCHEMA,
    )
    _index("outbox", "consumer", "type", "parent_id")
    _index("outbox", "created_at")


def downgrade() -> None:
    """Refuse: going back would throw all data away. Restore a backup instead.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("there is nothing before revision 0001: to go back, restore a backup")
