"""Where a job is, by look-ups that cost the same however much waits; and, when asked to, a search of its queue."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple

from nightshift.broker import Connection, direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.job_rows import finished, unpublished
from nightshift.cli.queries.job_search import RANK, in_queue, later_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.streams import consumer_info
from nightshift.console.context import ConsoleContext
from nightshift.console.letters.index import Row
from nightshift.contract import wire
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import dead_letter_stream, later_stream, queue_stream
from nightshift.worker.in_flight import job_of

_OUTBOX_SECONDS = 0.5
SMALL_QUEUE, SMALL_SECONDS = 2_000, 0.03
"""So many jobs are looked through unasked, and for so long."""
LOOKED_THROUGH = 200_000
"""Jobs of a queue that one request looks through at most."""


class Places(NamedTuple):
    """Where a job was found, the place that is its state first; and what could not be looked at."""

    found: list[Location]
    notices: list[str]


class QueueSearch(NamedTuple):
    """How far a search of a queue came: `after` is the sequence behind which it goes on, None at its end or find."""

    found: Location | None
    looked: int
    left: int
    after: int | None


async def places_of(console: ConsoleContext, job_id: str, types: Sequence[str]) -> Places:
    """Return the places of a job among those of some types, without reading a queue."""
    dead = [_of_letter(row) for row in console.letters.index.of_job(job_id) if row.type in types]
    later, stored = await asyncio.gather(_later(console, job_id, types), _in_database(console, job_id, types))
    found = [*dead, *later.found, *stored.found]
    return Places(sorted(found, key=lambda place: RANK.index(place.state)), [*later.notices, *stored.notices])


async def _later(console: ConsoleContext, job_id: str, types: Sequence[str]) -> Places:
    try:
        of_types = await asyncio.gather(*(_later_of_type(console, name, job_id) for name in types))
    except Unavailable as away:
        return Places([], [f"{away}. What waits for its time is not shown."])
    return Places([place for found in of_types for place in found], [])


async def _later_of_type(console: ConsoleContext, job_type: str, job_id: str) -> list[Location]:
    return [place async for place in later_locations(console.operator, job_type, job_id)]


async def _in_database(console: ConsoleContext, job_id: str, types: Sequence[str]) -> Places:
    database, found = console.operator.database(), list[Location]()
    if database is None:
        return Places([], [])
    try:
        async with asyncio.timeout(_OUTBOX_SECONDS):
            found += [place async for place in finished(database, job_id, types)]
            found += [place async for place in unpublished(database, job_id, types)]
    except Unavailable as away:
        return Places(found, [f"{away}. What is done is not shown."])
    except TimeoutError:
        return Places(found, ["The outbox is long and was not looked through to its end."])
    return Places(found, [])


async def search_queue(
    console: ConsoleContext, job_type: str, job_id: str, after: int, most: int, *, seconds: float = math.inf
) -> QueueSearch:
    """Look for a job in its queue, the oldest first, behind a sequence, through so many and for so long at most.

    Raises:
        Unavailable: the broker is unavailable.
        CommandError: there is no such queue.
    """
    connection, service, until = console.connection, wire.service_of(job_type), time.monotonic() + seconds
    stream, subject = queue_stream(service), wire.job_subject(job_type)
    info = await consumer_info(connection, stream, service)
    left = int(info.get("num_pending", 0)) + int(info.get("num_ack_pending", 0))
    delivered, last = int(info["delivered"]["stream_seq"]), max(after, int(info["ack_floor"]["stream_seq"]))
    looked, may_be = 0, _may_be(job_id, stream)
    async with aclosing(direct_get.pages(connection, stream, subject, sequence=last + 1)) as pages:
        async for page in pages:
            for message in page:
                if may_be(message) and _is(message, service, job_id):
                    place = in_queue(console.operator, message, service, started=message.sequence <= delivered)
                    return QueueSearch(place, looked, left, None)
            looked, last = looked + len(page), page[-1].sequence
            if looked >= most or time.monotonic() >= until:
                return QueueSearch(None, looked, left, last)
    return QueueSearch(None, looked, left, None)


async def stored_copy(connection: Connection, job_type: str, place: Location) -> StoredMessage | None:
    """Return the message of a job at a place, if there is one; None if it is gone.

    Raises:
        Unavailable: the broker is unavailable.
    """
    if not place.sequence:
        return None
    message = await direct_get.read_at(connection, place.stream, place.sequence)
    return message if message is not None and type_in(message) == job_type else None


def body_streams(console: ConsoleContext) -> frozenset[str]:
    """Return the streams whose messages are jobs or dead letters."""
    dead = {dead_letter_stream(service) for service in console.letters.follower.services}
    return frozenset({name(service) for service in console.services for name in (queue_stream, later_stream)} | dead)


def _may_be(job_id: str, stream: str) -> Callable[[StoredMessage], bool]:
    """Return what most messages that are not a job are told from it by, without reading their headers."""
    text = job_id.encode("utf-8", "surrogatepass")
    is_made_up = job_id.startswith((f"{stream}:", "~"))
    if is_made_up or not text.isascii() or b" " in text:  # or it may be written in another way
        return lambda _message: True
    return lambda message: text in message.header_block


def _is(message: StoredMessage, service: str, job_id: str) -> bool:
    job = job_of(service, message)
    return job_id in {job.id, job.key}


def type_in(message: StoredMessage) -> str:
    """Return the job type of a stored job, schedule or dead letter."""
    if message.subject.startswith("later."):
        return message.subject.removeprefix("later.").rpartition(".")[0]
    return message.subject.partition(".")[2]


def _of_letter(row: Row) -> Location:
    return Location(
        state="dead",
        type=row.type,
        job_id=row.job_id,
        where=f"{row.service}:{row.sequence}",
        at=row.died,
        attempt=row.attempts,
        detail=f"{row.reason}: {row.error}",
        stream=dead_letter_stream(row.service),
        sequence=row.sequence,
    )
