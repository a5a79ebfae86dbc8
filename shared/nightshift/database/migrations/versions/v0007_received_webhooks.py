"""Revision 0007: what became of each event of a provider, for applications that have no table of their own for it."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLE = "received_webhooks"
_OUTCOMES = "outcome IN ('done', 'skipped', 'stale', 'refreshing', 'dead')"


def _schema() -> str | None:
    return "nightshift" if op.get_bind().dialect.name == "postgresql" else None


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _instant(name: str, *, null: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        _TABLE,
        _text("source"),
        _text("event_id"),
        _text("type"),
        _text("delivery_id", null=True),
        _instant("occurred_at", null=True),
        _instant("received_at"),
        _instant("handled_at"),
        _text("outcome"),
        _text("reason", null=True),
        _text("object_id", null=True),
        _text("body_key", null=True),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f(f"pk_{_TABLE}")),
        sa.CheckConstraint(_OUTCOMES, name=op.f(f"ck_{_TABLE}_outcome")),
        schema=_schema(),
    )
    columns = ["received_at", "source", "event_id"]
    op.create_index(op.f(f"ix_{_TABLE}_received_at_source_event_id"), _TABLE, columns, schema=_schema())


def downgrade() -> None:
    """Drop it, with all that is known of events."""
    op.drop_table(_TABLE, schema=_schema())
