"""The inbox, asked by a worker for a whole group of jobs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from nightshift.database import Database, migrate, open_database
from nightshift.messaging import inbox
from nightshift.messaging.job import Job

MANY, ASKED = 3_000, 20


def _done_before(connection: Connection) -> list[inbox.Key]:
    """Fill the inbox in one go, so that PostgreSQL has no statistics of it yet."""
    jobs = [Job("probe", "probe.run", f"job-{number}", f"job-{number}") for number in range(MANY)]
    inbox.enter(connection, jobs, datetime.now(UTC))
    return [inbox.key_of(job) for job in jobs]


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """A new database on PostgreSQL, whose planner knows nothing of it."""
    await migrate(postgres_url)
    opened = open_database(postgres_url)
    yield opened
    await opened.close()


async def test_a_group_reads_its_own_rows_however_little_postgres_knows_of_the_table(database: Database) -> None:
    """Without statistics PostgreSQL would read all rows of the consumer: a second for each group at 200,000."""
    read = text(
        "SELECT sum(coalesce(idx_tup_fetch, 0) + seq_tup_read) FROM pg_stat_xact_user_tables"
        " WHERE relname = 'processed_messages'"
    )

    def work(connection: Connection) -> tuple[set[inbox.Key], int]:
        keys = _done_before(connection)
        before = connection.execute(read).scalar_one()
        unknown = [("probe", "probe.run", f"new-{number}") for number in range(ASKED)]
        found = inbox.done(connection, [*keys[:ASKED], *unknown])
        return found - set(keys[:ASKED]), int(connection.execute(read).scalar_one() - before)

    others, rows = await database.commit(work)
    assert (others, rows) == (set(), ASKED)
