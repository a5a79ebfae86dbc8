"""Revision 0005: a row of `email_deliveries` begins when a mail is put off, and says what became of each recipient."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
_STATUS = "ck_email_deliveries_status"
_STATUSES = "status IN ('waiting', 'sent', 'failed', 'bounced', 'complained', 'suppressed')"


def upgrade() -> None:
    """Add what a waiting mail needs; the rows that are there were all sent, or not to be sent."""
    with op.batch_alter_table("email_deliveries", copy_from=_table()) as table:
        table.alter_column("sent_at", existing_type=sa.DateTime(timezone=True), nullable=True)
        table.add_column(sa.Column("outcomes", _DOCUMENT, nullable=True))
        table.add_column(sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("deferred_at", sa.DateTime(timezone=True), nullable=True))
        table.drop_constraint(op.f(_STATUS), type_="check")
        table.create_check_constraint(op.f(_STATUS), sa.text(_STATUSES))


def _table() -> sa.Table:
    """Return the table as revision 0004 left it: SQLite's is made anew, and its constraints cannot be read back."""
    return sa.Table(
        "email_deliveries",
        sa.MetaData(),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("recipients", _DOCUMENT, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="sent"),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_deliveries")),
        sa.CheckConstraint("transport IN ('smtp', 'resend')", name=op.f("ck_email_deliveries_transport")),
        sa.CheckConstraint("status IN ('sent', 'bounced', 'complained', 'suppressed')", name=op.f(_STATUS)),
        sa.Index(op.f("ix_email_deliveries_job_id"), "job_id"),
        sa.Index(op.f("ix_email_deliveries_message_id"), "message_id"),
        sa.Index(op.f("ix_email_deliveries_provider_id"), "provider_id"),
        sa.Index(op.f("ix_email_deliveries_sent_at"), "sent_at"),
    )


def downgrade() -> None:
    """Refuse: mails that wait would be lost. Restore a backup instead.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("to go back before revision 0005, restore a backup")
