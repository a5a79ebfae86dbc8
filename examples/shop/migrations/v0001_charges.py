"""Revision 0001: what was charged."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make the table."""
    op.create_table("charges", sa.Column("invoice_id", sa.Text, primary_key=True), sa.Column("cents", sa.Integer))
