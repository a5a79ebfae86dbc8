"""Revision 0003: how long and how often a linked account has failed, and when it is tried again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; no account counts as failing."""
    for name in ("failures", "refusals"):
        op.add_column("linked_accounts", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    for name in ("first_failed_at", "retry_at"):
        op.add_column("linked_accounts", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    for name in ("failures", "refusals", "first_failed_at", "retry_at"):
        op.drop_column("linked_accounts", name)
