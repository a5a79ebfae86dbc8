"""Revision 0004: jobs are enqueued by SQL, in anybody's transaction.

The outbox gets defaults for what a producer does not know, and triggers that check a producer's row within its
transaction. A row is a producer's when it has no consumer: our own programs name themselves there, and a role that may
write only four columns cannot.

A later revision that copies the table on SQLite has to create the triggers anew.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SCHEMA = "nightshift"
"""On SQLite the connection leaves it out."""
_BEFORE = "id, consumer, type, parent_id, subject, body, headers, not_before, created_at"
_DEFAULTS = {
    "postgresql": {"id": "gen_random_uuid()::text", "consumer": "''", "headers": "'{}'", "created_at": "now()"},
    "sqlite": {
        "id": "(lower(hex(randomblob(16))))",
        "consumer": "''",
        "headers": "'{}'",
        "created_at": "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
    },
}
"""For writers that give no value."""
_ENQUEUED = sa.text("service IS NOT NULL")


def upgrade() -> None:
    """Change the outbox; the rows in it stay."""
    op.create_table(
        "producer_types",
        sa.Column("type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("type", name=op.f("pk_producer_types")),
        schema=_SCHEMA,
    )
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        _copy_on_sqlite()
    else:
        _alter_on_postgresql()
    op.create_index(
        op.f("ix_outbox_service_retry_at_created_at"),
        "outbox",
        ["service", "retry_at", "created_at"],
        schema=_SCHEMA,
        postgresql_where=_ENQUEUED,
        sqlite_where=_ENQUEUED,
    )
    script = Path(__file__).with_name(f"v0004_{dialect}.sql").read_text(encoding="utf-8")
    for statement in script.split("\n--;;\n"):
        op.get_bind().exec_driver_sql(statement)


def _new_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
    ]


def _alter_on_postgresql() -> None:
    for column, words in _DEFAULTS["postgresql"].items():
        op.alter_column("outbox", column, server_default=sa.text(words), schema=_SCHEMA)
    for new in _new_columns():
        op.add_column("outbox", new, schema=_SCHEMA)


def _copy_on_sqlite() -> None:
    """Make the table anew: SQLite cannot change a column's default."""
    defaults = {column: sa.text(words) for column, words in _DEFAULTS["sqlite"].items()}
    op.get_bind().exec_driver_sql("ALTER TABLE outbox RENAME TO outbox_before")
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False, server_default=defaults["id"]),
        sa.Column("consumer", sa.Text(), nullable=False, server_default=defaults["consumer"]),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "headers",
            sa.JSON().with_variant(JSONB(), "postgresql"),
            nullable=False,
            server_default=defaults["headers"],
        ),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=defaults["created_at"]),
        *_new_columns(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        schema=_SCHEMA,
    )
    op.get_bind().exec_driver_sql(f"INSERT INTO outbox ({_BEFORE}) SELECT {_BEFORE} FROM outbox_before")  # noqa: S608 - constants
    op.get_bind().exec_driver_sql("DROP TABLE outbox_before")
    for columns in (["consumer", "type", "parent_id"], ["created_at"]):
        op.create_index(op.f(f"ix_outbox_{'_'.join(columns)}"), "outbox", columns, schema=_SCHEMA)


def downgrade() -> None:
    """Refuse: a row that a stranger wrote means nothing to an earlier version. Restore a backup instead.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("to go back before revision 0004, restore a backup")
