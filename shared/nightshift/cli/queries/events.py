"""What the stream of events keeps of jobs: read from a time on, or the history of one job."""

import re
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.broker.message import StoredMessage
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, read_events
from nightshift.topology.event_stream import EVENTS_STREAM

_OF_OURS = re.compile(r"([0-9a-f]{11})[0-9a-f]{20}")
"""An id that a publisher made up begins with its milliseconds since 1970."""
_CLOCKS = timedelta(minutes=1)
"""How far those of two machines may be apart."""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event, and when it was told."""

    at: datetime
    event: JobEvent


async def kept(connection: Connection, subject: str, since: datetime | None) -> AsyncIterator[bytes]:
    """Yield the messages that the stream keeps on a subject, from a time on."""
    first = 1 if since is None else await direct_get.first_since(connection, EVENTS_STREAM, since)
    if first is not None:
        async for message in direct_get.read_each(connection, EVENTS_STREAM, subject, sequence=first):
            yield message.body


async def between(connection: Connection, subject: str, sequences: range) -> AsyncIterator[StoredMessage]:
    """Yield the messages that the stream keeps on a subject, of these sequences."""
    start = sequences.start
    while start < sequences.stop:
        batch = min(direct_get.PAGE, sequences.stop - start)
        page = await direct_get.page(connection, EVENTS_STREAM, subject, start, batch=batch)
        for message in page:
            if message.sequence < sequences.stop:
                yield message
        start = page[-1].sequence + 1 if page else sequences.stop


async def history(connection: Connection, job_id: str, types: Iterable[str]) -> list[Told]:
    """Return what is kept of a job, in order; messages that do not name it are not decoded."""
    found, wanted, named = list[Told](), frozenset(types), wire.storable_id(job_id)
    needle = b'"id":' + msgspec.json.encode(named)
    for service in sorted({wire.service_of(job_type) for job_type in wanted}):
        async for body in kept(connection, wire.events_subject(service), not_before(job_id)):
            if needle in body and (message := read_events(body)) is not None:
                told = [event for event in message.events if event.id == named and event.type in wanted]
                found += [Told(at=message.at, event=event) for event in told]
    return sorted(found, key=lambda told: told.at)


def not_before(job_id: str, *, clocks: timedelta = _CLOCKS) -> datetime | None:
    """Return when a job's id was made, less what clocks may differ by, if it tells that: nothing was told before."""
    ours = _OF_OURS.fullmatch(job_id)
    return datetime.fromtimestamp(int(ours[1], 16) / 1000, UTC) - clocks if ours else None
