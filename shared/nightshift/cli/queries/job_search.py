"""Finds the traces of a job: at the broker, in the database's inbox and outbox, among the dead letters."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select

from nightshift.broker import direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.client.context import Context
from nightshift.cli.queries.dead_letters import Filter, count_in, letters
from nightshift.cli.queries.streams import consumer_info, last_on, stored_at
from nightshift.contract import wire
from nightshift.database.tables import outbox, processed_messages
from nightshift.housekeeping.overdue import due_at
from nightshift.messaging.paging import Keyset, table_pages
from nightshift.topology.topology import later_stream, queue_stream
from nightshift.worker.in_flight import job_of

RANK = ("done", "in flight", "waiting", "retrying", "scheduled", "outbox", "dead")
"""Of several traces the first of these says where a job is: what is done stays done, whatever duplicates wait."""

_OUTBOX_ORDER = Keyset(outbox.c.created_at, outbox.c.id)


class Trace(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One place where a job was found."""

    state: str
    type: str
    job_id: str
    where: str
    at: datetime | None = None
    """When it got there; of a job that waits for its time, when it runs."""
    attempt: int | None = None
    detail: str = ""
    stream: str = ""
    sequence: int = 0


async def traces(context: Context, job_id: str, types: Iterable[str]) -> list[Trace]:
    """All traces of a job id among jobs of these types, the one that says where it is first."""
    found = list[Trace]()
    for job_type in types:
        found += [trace async for trace in later_traces(context, job_type, job_id)]
        found += [trace async for trace in queue_traces(context, job_type, job_id)]
    found += [trace async for trace in _done(context, job_id, types)]
    found += [trace async for trace in _in_outbox(context, job_id, types)]
    found += [trace async for trace in dead_traces(context, job_id, types)]
    return sorted(found, key=lambda trace: (RANK.index(trace.state), trace.at.timestamp() if trace.at else 0))


def all_types(context: Context) -> list[str]:
    """Every job type that there is."""
    return sorted(context.catalogue.messages)


async def later_traces(context: Context, job_type: str, job_id: str) -> AsyncIterator[Trace]:
    """The schedule that the job waits as, if it does."""
    service, subject = wire.service_of(job_type), wire.later_subject(job_type, job_id)
    waiting = await last_on(await context.connection(), later_stream(service), subject)
    if waiting is None:
        return
    base = count_in(waiting.headers.get(wire.ATTEMPT_BASE, ""))
    yield Trace(
        state="retrying" if base else "scheduled",
        type=job_type,
        job_id=waiting.headers.get(wire.JOB_ID, job_id),
        where=subject,
        at=due_at(waiting.headers),
        attempt=base + 1,
        detail=f"attempt {base + 1} runs then" if base else "runs then",
        stream=waiting.stream,
        sequence=waiting.sequence,
    )


async def queue_traces(context: Context, job_type: str, job_id: str) -> AsyncIterator[Trace]:
    """The job among those to do now, and those whose time has come. Reads the whole queue of its type."""
    connection, service = await context.connection(), wire.service_of(job_type)
    places = ((queue_stream(service), wire.job_subject(job_type)), (later_stream(service), wire.due_subject(job_type)))
    for stream, subject in places:
        delivered = -1
        async for message in direct_get.read_each(connection, stream, subject):
            if not _is(message, service, job_id):
                continue
            if delivered < 0:
                info = await consumer_info(connection, stream, service)
                delivered = int(info["delivered"]["stream_seq"])
            yield _in_queue(message, service, started=message.sequence <= delivered)


async def dead_traces(context: Context, job_id: str, types: Iterable[str]) -> AsyncIterator[Trace]:
    """The dead letters of a job."""
    services = sorted({wire.service_of(job_type) for job_type in types})
    async for letter in letters(await context.connection(), Filter(services=tuple(services), job_ids=(job_id,))):
        yield Trace(
            state="dead",
            type=letter.type,
            job_id=letter.job_id,
            where=letter.ref,
            at=letter.died,
            attempt=letter.attempts,
            detail=f"{letter.reason}: {letter.error}",
            stream=letter.stream,
            sequence=letter.sequence,
        )


def _is(message: StoredMessage, service: str, job_id: str) -> bool:
    job = job_of(service, message)
    return job_id in {job.id, job.key}


def _in_queue(message: StoredMessage, service: str, *, started: bool) -> Trace:
    job = job_of(service, message)
    return Trace(
        state="in flight" if started else "waiting",
        type=job.type,
        job_id=job.id,
        where=f"{message.stream}, message {message.sequence}",
        at=stored_at(message),
        attempt=job.attempt,
        detail="a worker has it" if started else "no worker has had it yet",
        stream=message.stream,
        sequence=message.sequence,
    )


async def _done(context: Context, job_id: str, types: Iterable[str]) -> AsyncIterator[Trace]:
    database = context.database()
    if database is None:
        return
    table = processed_messages
    query = select(table).where(table.c.type.in_(list(types)), table.c.id == wire.safe_token(job_id))
    query = query.where(table.c.consumer.in_([wire.service_of(job_type) for job_type in types]))
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    for row in rows:
        yield Trace(
            state="done",
            type=row["type"],
            job_id=job_id,
            where="inbox",
            at=row["processed_at"],
            detail="its effects are committed",
        )


async def _in_outbox(context: Context, job_id: str, types: Iterable[str]) -> AsyncIterator[Trace]:
    database = context.database()
    if database is None:
        return
    subjects = {wire.job_subject(job_type): job_type for job_type in types}
    subjects |= {wire.later_subject(job_type, job_id): job_type for job_type in types}
    columns = (outbox.c.id, outbox.c.subject, outbox.c.headers, outbox.c.created_at)
    query = select(*columns).where(outbox.c.subject.in_(subjects))
    async for page in table_pages(database, query, _OUTBOX_ORDER):
        for row in page.rows:
            if row["headers"].get(wire.JOB_ID) == job_id:
                yield Trace(
                    state="outbox",
                    type=subjects[row["subject"]],
                    job_id=job_id,
                    where="outbox",
                    at=row["created_at"],
                    detail="not published yet",
                )


def age(trace: Trace, now: datetime) -> timedelta | None:
    """How long ago (or, negative, how soon) the trace's time is."""
    return None if trace.at is None else now - trace.at
