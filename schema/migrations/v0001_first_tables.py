"""Revision 0001: the tables of the services.

A revision says everything itself and never imports `schema.tables`, which goes on changing.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def _text(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null, server_default=default)


def _instant(name: str, *, null: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _document(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _DOCUMENT, nullable=null)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _refers(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=on_delete)


def upgrade() -> None:
    """Create everything."""
    _users()
    _sessions()
    _activity_logs()
    _files()
    _linked_accounts()
    _external_records()
    _reports()
    _email_deliveries()
    _cleanup_runs()


def _users() -> None:
    op.create_table(
        "users",
        _text("id"),
        _text("email"),
        _text("name"),
        _instant("created_at"),
        _key("users", "id"),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    _index("users", "created_at")


def _sessions() -> None:
    op.create_table(
        "sessions",
        _text("id"),
        _text("user_id"),
        _instant("created_at"),
        _instant("expires_at"),
        _key("sessions", "id"),
        _refers("sessions", "user_id", "users", "CASCADE"),
    )
    _index("sessions", "user_id")
    _index("sessions", "expires_at", "id")


def _activity_logs() -> None:
    op.create_table(
        "activity_logs",
        _text("id"),
        _text("user_id", null=True),
        _text("action"),
        _document("details"),
        _instant("created_at"),
        _key("activity_logs", "id"),
        _refers("activity_logs", "user_id", "users", "SET NULL"),
    )
    _index("activity_logs", "created_at", "id")
    _index("activity_logs", "user_id", "created_at")


def _files() -> None:
    op.create_table(
        "files",
        _text("id"),
        _text("user_id", null=True),
        _text("object_key"),
        _text("original_name"),
        sa.Column("size", sa.BigInteger(), nullable=True),
        _text("content_type", null=True),
        _text("checksum", null=True),
        _text("status", default="pending"),
        _flag("processed"),
        _document("metadata", null=True),
        _text("thumbnail_key", null=True),
        _text("error", null=True),
        _instant("created_at"),
        _instant("updated_at", null=True),
        _key("files", "id"),
        _refers("files", "user_id", "users", "SET NULL"),
        sa.CheckConstraint("status IN ('pending', 'uploaded', 'processed', 'failed')", name=op.f("ck_files_status")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_files_size")),
        sa.UniqueConstraint("object_key", name=op.f("uq_files_object_key")),
    )
    _index("files", "thumbnail_key")
    _index("files", "user_id", "id")
    _index("files", "status", "created_at", "id")
    _index("files", "created_at")


def _linked_accounts() -> None:
    op.create_table(
        "linked_accounts",
        _text("id"),
        _text("user_id"),
        _text("service"),
        _text("external_account"),
        _text("base_url", null=True),
        _text("credentials", null=True),
        _document("checkpoint"),
        _counter("generation"),
        _text("status", default="active"),
        _text("error", null=True),
        _instant("last_synced_at", null=True),
        _instant("created_at"),
        _instant("updated_at", null=True),
        _key("linked_accounts", "id"),
        _refers("linked_accounts", "user_id", "users", "CASCADE"),
        sa.CheckConstraint("status IN ('active', 'revoked', 'disabled')", name=op.f("ck_linked_accounts_status")),
        sa.UniqueConstraint("user_id", "service", name=op.f("uq_linked_accounts_user_id_service")),
    )
    _index("linked_accounts", "status", "id")


def _external_records() -> None:
    op.create_table(
        "external_records",
        _text("account_id"),
        _text("external_id"),
        _text("kind"),
        _document("data"),
        _counter("generation"),
        _instant("seen_at"),
        _instant("removed_at", null=True),
        _key("external_records", "account_id", "external_id"),
        _refers("external_records", "account_id", "linked_accounts", "CASCADE"),
    )
    _index("external_records", "account_id", "generation")


def _reports() -> None:
    op.create_table(
        "reports",
        _text("id"),
        _text("kind"),
        _text("requested_by", null=True),
        _text("requester_email", null=True),
        _document("parameters"),
        _text("status", default="pending"),
        _text("error", null=True),
        _text("html_key", null=True),
        _text("csv_key", null=True),
        _instant("created_at"),
        _instant("finished_at", null=True),
        _key("reports", "id"),
        _refers("reports", "requested_by", "users", "SET NULL"),
        sa.CheckConstraint("status IN ('pending', 'running', 'done', 'failed')", name=op.f("ck_reports_status")),
    )
    _index("reports", "requested_by")
    _index("reports", "created_at", "id")


def _email_deliveries() -> None:
    op.create_table(
        "email_deliveries",
        _text("id"),
        _text("job_id"),
        _document("recipients"),
        _text("subject"),
        _text("transport"),
        _text("provider_id", null=True),
        _text("message_id"),
        _instant("sent_at"),
        _key("email_deliveries", "id"),
        sa.CheckConstraint("transport IN ('smtp', 'resend')", name=op.f("ck_email_deliveries_transport")),
    )
    _index("email_deliveries", "job_id")
    _index("email_deliveries", "message_id")
    _index("email_deliveries", "sent_at")


def _cleanup_runs() -> None:
    op.create_table(
        "cleanup_runs",
        _text("id"),
        _text("job_id"),
        _text("kind"),
        _instant("started_at"),
        _instant("finished_at", null=True),
        _document("deleted"),
        _document("kept"),
        _flag("done"),
        _key("cleanup_runs", "id"),
    )
    _index("cleanup_runs", "job_id")
    _index("cleanup_runs", "kind", "started_at")


def downgrade() -> None:
    """Refuse: going back would throw all data away. Restore a backup instead.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("there is nothing before revision 0001: to go back, restore a backup")
