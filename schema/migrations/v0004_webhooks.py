"""Revision 0004: third-party events, the providers' objects, and what becomes of a mail after it was sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OUTCOMES = "outcome IN ('done', 'skipped', 'stale', 'refreshing', 'dead')"
_STATUSES = "status IN ('sent', 'bounced', 'complained', 'suppressed')"
_REASONS = "reason IN ('bounced', 'complained', 'manual')"


def upgrade() -> None:
    """Add the tables of events, the status of deliveries, and the suppression list."""
    _events()
    _objects()
    _deliveries()
    _suppressions()
    # To find a linked account by the name that a provider's event has.
    op.create_index(
        op.f("ix_linked_accounts_service_external_account"), "linked_accounts", ["service", "external_account"]
    )


def _events() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("body_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("pk_webhook_events")),
        sa.CheckConstraint(_OUTCOMES, name=op.f("ck_webhook_events_outcome")),
    )
    op.create_index(
        op.f("ix_webhook_events_received_at_source_event_id"), "webhook_events", ["received_at", "source", "event_id"]
    )


def _objects() -> None:
    op.create_table(
        "provider_objects",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("data", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("source", "object_id", name=op.f("pk_provider_objects")),
    )
    op.create_index(op.f("ix_provider_objects_source_type"), "provider_objects", ["source", "type"])


def _deliveries() -> None:
    with op.batch_alter_table("email_deliveries") as table:
        table.add_column(sa.Column("status", sa.Text(), nullable=False, server_default="sent"))
        table.add_column(sa.Column("status_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("status_reason", sa.Text(), nullable=True))
        table.create_check_constraint(op.f("ck_email_deliveries_status"), _STATUSES)
    op.create_index(op.f("ix_email_deliveries_provider_id"), "email_deliveries", ["provider_id"])


def _suppressions() -> None:
    op.create_table(
        "email_suppressions",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_email_suppressions")),
        sa.CheckConstraint(_REASONS, name=op.f("ck_email_suppressions_reason")),
    )
    op.create_index(op.f("ix_email_suppressions_created_at_address"), "email_suppressions", ["created_at", "address"])


def downgrade() -> None:
    """Refuse: going back would throw data away. Restore a backup instead.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("revision 0004 added tables with data of providers: to go back, restore a backup")
