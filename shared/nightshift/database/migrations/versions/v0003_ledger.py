"""Revision 0003: the inbox becomes the ledger: how a job ended, at which attempt, its time, whose it was, its result.

Columns that may be NULL, so that a table of any size gets them at once, and workers of the version before go on writing
their rows. The indexes hold no row yet, but PostgreSQL reads the table once for each, some seconds for ten million
rows, and commits wait so long.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLE = "processed_messages"
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "outcome": sa.Text(),
    "attempt": sa.Integer(),
    "took_ms": sa.Integer(),
    "tenant": sa.Text(),
    "result": sa.Text(),
}
_INDEXES = {
    "ix_processed_messages_tenant_processed_at": (["tenant", "processed_at"], "tenant IS NOT NULL"),
    "ix_processed_messages_result": (["processed_at"], "result IS NOT NULL"),
}


def _schema() -> str | None:
    """Return where the table is; what changes a table is not translated for SQLite as queries are."""
    return "nightshift" if op.get_bind().dialect.name == "postgresql" else None


def upgrade() -> None:
    """Add the columns and their partial indexes."""
    for name, kind in _COLUMNS.items():
        op.add_column(_TABLE, sa.Column(name, kind, nullable=True), schema=_schema())
    for name, (columns, condition) in _INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, _TABLE, columns, schema=_schema(), postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Drop them; results and the rest of the ledger are gone, what is done stays done."""
    for name in _INDEXES:
        op.drop_index(name, _TABLE, schema=_schema())
    for name in _COLUMNS:
        op.drop_column(_TABLE, name, schema=_schema())
