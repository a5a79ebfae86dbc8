"""Revision 0006: the API keys of a gateway, for applications that have no table of their own for them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = "gateway_keys"
_DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def _schema() -> str | None:
    return "nightshift" if op.get_bind().dialect.name == "postgresql" else None


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _instant(name: str, *, null: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _document(name: str) -> sa.Column[Any]:
    return sa.Column(name, _DOCUMENT, nullable=False)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        _TABLE,
        _text("id"),
        _text("name"),
        _text("environment"),
        _text("digest"),
        _text("user_id", null=True),
        _document("scopes"),
        _document("limits"),
        _instant("created_at", null=False),
        _instant("expires_at"),
        _instant("revoked_at"),
        _instant("last_used_at"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
        schema=_schema(),
    )


def downgrade() -> None:
    """Drop it, with all keys."""
    op.drop_table(_TABLE, schema=_schema())
