"""Revision 0002: the tables of the gateway."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _instant(name: str, *, null: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _document(name: str) -> sa.Column[Any]:
    return sa.Column(name, _DOCUMENT, nullable=False)


def _bytes(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _refers(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=on_delete)


def upgrade() -> None:
    """Create them."""
    _api_keys()
    _idempotency_keys()
    _uploads()


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        _text("id"),
        _text("name"),
        _text("environment"),
        _text("digest"),
        _text("user_id", null=True),
        _document("scopes"),
        _document("limits"),
        _instant("created_at"),
        _instant("expires_at", null=True),
        _instant("revoked_at", null=True),
        _instant("last_used_at", null=True),
        _key("api_keys", "id"),
        _refers("api_keys", "user_id", "users", "CASCADE"),
    )
    _index("api_keys", "user_id")


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        _text("principal"),
        _text("key"),
        _text("fingerprint"),
        _text("file_id"),
        _instant("created_at"),
        _instant("alive_at"),
        _key("idempotency_keys", "principal", "key"),
        _refers("idempotency_keys", "file_id", "files", "CASCADE"),
    )
    _index("idempotency_keys", "file_id")
    _index("idempotency_keys", "created_at")


def _uploads() -> None:
    op.create_table(
        "uploads",
        _text("id"),
        _text("file_id", null=True),
        _text("object_key"),
        _text("store_upload_id"),
        _bytes("size"),
        _bytes("part_size"),
        _text("checksum", null=True),
        _instant("created_at"),
        _instant("expires_at"),
        _key("uploads", "id"),
        _refers("uploads", "file_id", "files", "SET NULL"),
        sa.CheckConstraint("size >= 0", name=op.f("ck_uploads_size")),
        sa.CheckConstraint("part_size > 0", name=op.f("ck_uploads_part_size")),
    )
    _index("uploads", "file_id")
    _index("uploads", "expires_at", "id")
