"""Find a job in the database: its inbox row, and what waits in the outbox."""

from collections.abc import AsyncIterator, Iterable

from sqlalchemy import select

from nightshift.cli.queries.location import Location
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import outbox, processed_messages
from nightshift.messaging.ledger import CANCELLED
from nightshift.messaging.paging import Keyset, table_pages

_ENDS = {
    None: "its effects are committed",
    "skipped": "it was skipped: there was nothing to do",
    CANCELLED: "it was cancelled before a worker had it",
}
_OUTBOX_ORDER = Keyset(outbox.c.created_at, outbox.c.id)


async def finished(database: Database, job_id: str, types: Iterable[str]) -> AsyncIterator[Location]:
    """Yield the inbox rows of a job id, which may be given as its safe token, among jobs of these types."""
    table = processed_messages
    query = select(table).where(table.c.type.in_(list(types)), table.c.id.in_({job_id, wire.safe_token(job_id)}))
    query = query.where(table.c.consumer.in_([wire.service_of(job_type) for job_type in types]))
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    for row in rows:
        yield Location(
            state=CANCELLED if row["outcome"] == CANCELLED else "done",
            type=row["type"],
            job_id=job_id,
            where="inbox",
            at=row["processed_at"],
            attempt=row["attempt"],
            detail=_ENDS[row["outcome"]],
        )


async def unpublished(database: Database, job_id: str, types: Iterable[str]) -> AsyncIterator[Location]:
    """Yield the jobs of this id that wait in the outbox."""
    subjects = {wire.job_subject(job_type): job_type for job_type in types}
    subjects |= {wire.later_subject(job_type, job_id): job_type for job_type in types}
    columns = (outbox.c.id, outbox.c.subject, outbox.c.headers, outbox.c.created_at)
    query = select(*columns).where(outbox.c.subject.in_(subjects))
    async for page in table_pages(database, query, _OUTBOX_ORDER):
        for row in page.rows:
            if row["headers"].get(wire.JOB_ID) == job_id:
                yield Location(
                    state="outbox",
                    type=subjects[row["subject"]],
                    job_id=job_id,
                    where="outbox",
                    at=row["created_at"],
                    detail="not published yet",
                )
