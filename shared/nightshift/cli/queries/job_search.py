"""Find a job: at the broker, in inbox and outbox, among the dead letters."""

from collections.abc import AsyncIterator, Iterable, Sequence

from nightshift.broker import direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.client.context import Context
from nightshift.cli.queries.dead_letters import Filter, letters, parse_count
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.streams import consumer_info, last_on, stored_at, subjects_on
from nightshift.cli.queries.topology import job_types
from nightshift.cli.terminal.formatting import format_attempts
from nightshift.contract import wire
from nightshift.housekeeping.overdue import due_at
from nightshift.topology.topology import later_stream, queue_stream
from nightshift.worker.in_flight import job_of
from nightshift.worker.router import NO_ROUTE

RANK = ("done", "cancelled", "in flight", "waiting", "retrying", "scheduled", "outbox", "dead")
"""Of several places, the first of these is the job's state: done is done, whatever duplicates wait."""


async def find_locations(
    context: Context, job_id: str, types: Iterable[str], *, everywhere: bool = False
) -> list[Location]:
    """Return places of a job id among jobs of these types; the first one is its state.

    What an index finds comes first: schedules, and the database. Only if a job is not there, queues and dead letters
    are read; or if it is to be found `everywhere`.
    """
    types = [*types, *await _types_without_contract(context, job_id, types)]
    found = [location for job_type in types async for location in later_locations(context, job_type, job_id)]
    found += await _in_database(context, job_id, types)
    if everywhere or not found:
        found += [location for job_type in types async for location in queue_locations(context, job_type, job_id)]
        found += [location async for location in dead_letter_locations(context, job_id, types)]
    return sorted(
        found, key=lambda location: (RANK.index(location.state), location.at.timestamp() if location.at else 0)
    )


async def startable_locations(context: Context, job_id: str, types: Sequence[str]) -> list[Location]:
    """Return the places of a job where it waits or is in flight; the outbox is last, which it leaves for its queue."""
    types = [*types, *await _types_without_contract(context, job_id, types)]
    found = [location for job_type in types async for location in later_locations(context, job_type, job_id)]
    found += [location for job_type in types async for location in queue_locations(context, job_type, job_id)]
    return found + [place for place in await _in_database(context, job_id, types) if place.state == "outbox"]


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
        info = None
        async for message in direct_get.read_each(connection, stream, subject):
            if not _is(message, service, job_id):
                continue
            info = info or await consumer_info(connection, stream, service)
            delivered = int(info["delivered"]["stream_seq"])
            if message.sequence <= int(info["ack_floor"]["stream_seq"]):
                continue  # it is done, and not removed yet
            yield in_queue(context, message, service, started=message.sequence <= delivered)


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


def in_queue(context: Context, message: StoredMessage, service: str, *, started: bool) -> Location:
    """Return the place of a job that was found in its queue; `started`: a worker had it already."""
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


async def _in_database(context: Context, job_id: str, types: Sequence[str]) -> list[Location]:
    database = context.database()
    if database is None:
        return []
    from nightshift.cli.queries.job_rows import finished, unpublished  # noqa: PLC0415 - needs the database's library

    done = [location async for location in finished(database, job_id, types)]
    return done + [location async for location in unpublished(database, job_id, types)]
