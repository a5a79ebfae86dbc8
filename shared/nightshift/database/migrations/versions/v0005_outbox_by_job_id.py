"""Revision 0005: a job that waits in the outbox, and that no other job has enqueued, is found by its id."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAME, _TABLE = "ix_outbox_job_id", "outbox"
_JOB_ID = {"postgresql": "(headers ->> 'Job-Id')", "sqlite": "json_extract(headers, '$.\"Job-Id\"')"}
_WHERE = sa.text("type IS NULL")


def _schema() -> str | None:
    return "nightshift" if op.get_bind().dialect.name == "postgresql" else None


def upgrade() -> None:
    """Make the index; the table is small, its rows are on their way."""
    job_id = sa.text(_JOB_ID[op.get_bind().dialect.name])
    op.create_index(_NAME, _TABLE, [job_id], schema=_schema(), postgresql_where=_WHERE, sqlite_where=_WHERE)


def downgrade() -> None:
    """Drop it."""
    op.drop_index(_NAME, _TABLE, schema=_schema())
