"""Revision 0002: how long and how often a linked account has failed, and when it is tried again."""

import sqlalchemy as sa
from alembic import op

from nightshift.database.column_types import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; no account counts as failing."""
    for name in ("failures", "refusals"):
        op.add_column("linked_accounts", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    for name in ("failing_since", "retry_at"):
        op.add_column("linked_accounts", sa.Column(name, Instant(), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    for name in ("failures", "refusals", "failing_since", "retry_at"):
        op.drop_column("linked_accounts", name)
