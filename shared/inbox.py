"""The inbox: which jobs are done. One row per job, written in the transaction of its effects."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import Database
from shared.database.tables import processed_messages as table
from shared.job import Job

Key = tuple[str, str, str]
"""Consumer, type and id of a job: its identity."""

_INSERTS: dict[str, Any] = {
    "sqlite": sqlite.insert(table).on_conflict_do_nothing().returning(table.c.type, table.c.id),
    "postgresql": postgresql.insert(table).on_conflict_do_nothing().returning(table.c.type, table.c.id),
}
_DONE = select(table.c.consumer, table.c.type, table.c.id).where(
    tuple_(table.c.consumer, table.c.type, table.c.id).in_(bindparam("keys", expanding=True))
)


def key_of(job: Job) -> Key:
    """The identity under which a job's effects happen once."""
    return job.service, job.type, job.key


async def done(database: Database, keys: Sequence[Key]) -> set[Key]:
    """Tells which of the jobs are done already."""
    async with database.read() as connection:
        rows = await connection.execute(_DONE, {"keys": list(keys)})
        return {(row[0], row[1], row[2]) for row in rows}


async def enter(connection: AsyncConnection, jobs: Sequence[Job], now: datetime) -> set[Key]:
    """Writes the rows of jobs with distinct keys; returns the keys that were not there yet.

    In a transaction: another worker that commits the same job meanwhile makes this one wait, and then find its row.
    """
    consumer = jobs[0].service
    rows = [{"consumer": consumer, "type": job.type, "id": job.key, "processed_at": now} for job in jobs]
    rows.sort(key=lambda row: (str(row["type"]), str(row["id"])))  # all in one order, or two workers could deadlock
    entered = await connection.execute(_INSERTS[connection.dialect.name], rows)
    return {(consumer, row[0], row[1]) for row in entered}
