"""Find a job: at the broker, in inbox and outbox, among the dead letters."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select

from nightshift.broker import direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.client.context import Context
from nightshift.cli.queries.dead_letters import Filter, letters, parse_count
from nightshift.cli.queries.streams import consumer_info, last_on, stored_at, subjects_on
from nightshift.cli.terminal.formatting import format_attempts
from nightshift.contract import wire
from nightshift.database.tables import outbox, processed_messages
from nightshift.housekeeping.overdue import due_at
from nightshift.messaging.paging import Keyset, table_pages
from nightshift.topology.topology import later_stream, queue_stream
from nightshift.worker.in_flight import job_of
from nightshift.worker.router import NO_ROUTE

RANK = ("done", "in flight", "waiting", "retrying", "scheduled", "outbox", "dead")
"""Of several places, the first of these is the job's state: done is done, whatever duplicates wait."""

_OUTBOX_ORDER = Keyset(outbox.c.created_at, outbox.c.id)


class Location(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A place where a job was found, and its state there."""

    state: str
    type: str
    job_id: str
    where: str
    at: datetime | None = None
    """When it got there; for a scheduled job, when it will run."""
    attempt: int | None = None
    most: int | None = None
    """The attempts that its type's contract allows."""
    detail: str = ""
    stream: str = ""
    sequence: int = 0


async def find_locations(context: Context, job_id: str, types: Iterable[str]) -> list[Location]:
    """Return all places of a job id among jobs of these types; the first one is its state."""
    found = list[Location]()
    types = [*types, *await _types_without_contract(context, job_id, types)]
    for job_type in types:
        found += [location async for location in later_locations(context, job_type, job_id)]
        found += [location async for location in queue_locations(context, job_type, job_id)]
    found += [location async for location in _done(context, job_id, types)]
    found += [location async for location in _in_outbox(context, job_id, types)]
    found += [location async for location in dead_letter_locations(context, job_id, types)]
    return sorted(
        found, key=lambda location: (RANK.index(location.state), location.at.timestamp() if location.at else 0)
    )


async def startable_locations(context: Context, job_id: str, types: Sequence[str]) -> list[Location]:
    """Return the places of a job where it waits or is in flight."""
    types = [*types, *await _types_without_contract(context, job_id, types)]
    found = [location for job_type in types async for location in later_locations(context, job_type, job_id)]
    return found + [location for job_type in types async for location in queue_locations(context, job_type, job_id)]


async def _types_without_contract(context: Context, job_id: str, types: Iterable[str]) -> list[str]:
    """Return the types beyond all contracts of which there may be such a job: a misspelt one waits for its retries.

    Nothing if the search is for some types only.
    """
    known = set(job_types(context))
    if known - set(types):
        return []
    connection, token, found = await context.connection(), wire.safe_token(job_id), set[str]()
    for service in {wire.service_of(job_type) for job_type in known}:
        for verb in ("*", "*.*"):
            subjects = await subjects_on(connection, later_stream(service), f"later.{service}.{verb}.{token}")
            found |= {subject.removeprefix("later.").removesuffix(f".{token}") for subject in subjects}
        for stream, prefix in ((queue_stream(service), "jobs."), (later_stream(service), "due.")):
            subjects = await subjects_on(connection, stream, f"{prefix}{service}.>")
            found |= {subject.removeprefix(prefix) for subject in subjects}
    return sorted(found - known)


def job_types(context: Context) -> list[str]:
    """Return every job type."""
    return sorted(context.catalogue.messages)


async def later_locations(context: Context, job_type: str, job_id: str) -> AsyncIterator[Location]:
    """Yield the place of a job that is scheduled or between two attempts."""
    service, subject = wire.service_of(job_type), wire.later_subject(job_type, job_id)
    waiting = await last_on(await context.connection(), later_stream(service), subject)
    if waiting is None:
        return
    base = parse_count(waiting.headers.get(wire.ATTEMPT_BASE, ""))
    yield Location(
        state="retrying" if base else "scheduled",
        type=job_type,
        job_id=waiting.headers.get(wire.JOB_ID, job_id),
        where=subject,
        at=due_at(waiting.headers),
        attempt=base + 1,
        most=_most(context, job_type),
        detail=f"attempt {format_attempts(base + 1, _most(context, job_type))} runs then" if base else "runs then",
        stream=waiting.stream,
        sequence=waiting.sequence,
    )


async def queue_locations(context: Context, job_type: str, job_id: str) -> AsyncIterator[Location]:
    """Yield the places of a job among those to be run now. Reads the whole queue of its type."""
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
            yield _in_queue(context, message, service, started=message.sequence <= delivered)


async def dead_letter_locations(context: Context, job_id: str, types: Iterable[str]) -> AsyncIterator[Location]:
    """Yield the dead letters of a job."""
    services = sorted({wire.service_of(job_type) for job_type in types})
    async for letter in letters(await context.connection(), Filter(services=tuple(services), job_ids=(job_id,))):
        yield Location(
            state="dead",
            type=letter.type,
            job_id=letter.job_id,
            where=letter.ref,
            at=letter.died,
            attempt=letter.attempts,
            most=_most(context, letter.type),
            detail=f"{letter.reason}: {letter.error}",
            stream=letter.stream,
            sequence=letter.sequence,
        )


def _is(message: StoredMessage, service: str, job_id: str) -> bool:
    job = job_of(service, message)
    return job_id in {job.id, job.key}


def _most(context: Context, job_type: str) -> int:
    """Return how often jobs of a type are tried, by its contract."""
    known = context.catalogue.messages.get(job_type)
    return (known.RETRIES if known else NO_ROUTE.retries).most


def _in_queue(context: Context, message: StoredMessage, service: str, *, started: bool) -> Location:
    job = job_of(service, message)
    return Location(
        state="in flight" if started else "waiting",
        type=job.type,
        job_id=job.id,
        where=f"{message.stream}, message {message.sequence}",
        at=stored_at(message),
        attempt=job.attempt,
        most=_most(context, job.type),
        detail="a worker has it" if started else "no worker has had it yet",
        stream=message.stream,
        sequence=message.sequence,
    )


async def _done(context: Context, job_id: str, types: Iterable[str]) -> AsyncIterator[Location]:
    database = context.database()
    if database is None:
        return
    table = processed_messages
    query = select(table).where(table.c.type.in_(list(types)), table.c.id == wire.safe_token(job_id))
    query = query.where(table.c.consumer.in_([wire.service_of(job_type) for job_type in types]))
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    for row in rows:
        yield Location(
            state="done",
            type=row["type"],
            job_id=job_id,
            where="inbox",
            at=row["processed_at"],
            detail="its effects are committed",
        )


async def _in_outbox(context: Context, job_id: str, types: Iterable[str]) -> AsyncIterator[Location]:
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
                yield Location(
                    state="outbox",
                    type=subjects[row["subject"]],
                    job_id=job_id,
                    where="outbox",
                    at=row["created_at"],
                    detail="not published yet",
                )
