"""What was told of one job and of those that came of it, read from the stream of events in bounded time.

The stream keeps three days of all jobs: whoever shows a page reads back for a moment, says how far, and can go on.
"""

import asyncio
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.events import Told, between, not_before
from nightshift.cli.queries.streams import stream_info
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, read_events
from nightshift.topology.event_stream import EVENTS_STREAM

MOST_FOLLOW_UPS = 100
_CHUNK = 500
"""So many messages are read in order, at least, before those in front of them."""
_FOLLOW_UP = re.compile(r"([a-z][a-z0-9-]*)/([a-z][a-z0-9.-]*)/([A-Za-z0-9_~-]{1,200})/[0-9]{1,6}/[0-9a-f]{16}")
"""The id that the outbox makes for a follow-up job."""


class Parent(NamedTuple):
    """The job that enqueued another, as the id of that says; `key` is its id, or the safe token of its id."""

    service: str
    type: str
    key: str


class History(NamedTuple):
    """What was told of a job, the oldest first."""

    told: Sequence[Told]
    first: int
    """The sequence of the first message that told of it, or from which on was read."""
    rest: int | None
    """What is before this sequence was not read; None: all that is kept was."""


class Kin(NamedTuple):
    """The newest that was told of each job behind another one, and whether there may be more of them."""

    newest: Mapping[tuple[str, str], Told]
    complete: bool


def parent_of(job_id: str) -> Parent | None:
    """Return the job whose follow-up has this id; None if it is none, or was given an id of its own."""
    match = _FOLLOW_UP.fullmatch(job_id)
    return Parent(match[1], match[2], match[3]) if match else None


def children_prefix(job_type: str, job_id: str) -> str:
    """Return how the ids of a job's follow-up jobs begin."""
    return f"{wire.service_of(job_type)}/{job_type}/{wire.safe_token(job_id)}/"


async def read_back(
    connection: Connection, job_type: str, job_id: str, *, seconds: float, before: int | None = None
) -> History:
    """Read what was told of a job, the newest first, for about so many seconds at most; one step is always made.

    Raises:
        Unavailable: the broker is unavailable.
        CommandError: there is no stream of events.
    """
    subject = wire.events_subject(wire.service_of(job_type))
    oldest, end = await _kept(connection, job_id, subject)
    end, until = min(end, before or sys.maxsize), time.monotonic() + seconds
    found, step = list[tuple[int, Told]](), _CHUNK
    while end > oldest:
        start = max(oldest, end - step)
        page = await direct_get.page(connection, EVENTS_STREAM, subject, start)
        behind = page[-1].sequence + 1 if page else end
        if behind < end and step > _CHUNK:  # others told less than was thought: not so far back at once
            step = max(_CHUNK, behind - start) if time.monotonic() < until else _CHUNK
            continue
        read = [one for one in page if one.sequence < end]
        read += [one async for one in between(connection, subject, range(behind, end))]
        found = [*_told(read, job_type, job_id), *found]
        end = start
        if time.monotonic() >= until:
            break
        if len(read) < direct_get.PAGE // 2:  # most of what is there was told by others
            step *= 2
    return History([told for _, told in found], found[0][0] if found else end, end if end > oldest else None)


async def read_kin(
    connection: Connection, job_type: str, job_id: str, *, trace: str, first: int, seconds: float
) -> Kin:
    """Find the jobs that came of a job, and the others of its trace, from a sequence of the stream on.

    Raises:
        Unavailable: the broker is unavailable.
    """
    newest, until = dict[tuple[str, str], Told](), time.monotonic() + seconds
    prefixes = {children_prefix(job_type, job_id)}
    async for message in direct_get.read_each(connection, EVENTS_STREAM, "events.>", sequence=first):
        if time.monotonic() >= until or len(newest) >= MOST_FOLLOW_UPS:
            return Kin(newest, complete=False)
        if not _may_name(message.body, prefixes, trace) or (told := read_events(message.body)) is None:
            continue
        for event in told.events:
            if (event.type, event.id) != (job_type, job_id) and _is_kin(event, prefixes, trace):
                newest[event.type, event.id] = Told(at=told.at, event=event)
                prefixes.add(children_prefix(event.type, event.id))
    return Kin(newest, complete=True)


async def _kept(connection: Connection, job_id: str, subject: str) -> tuple[int, int]:
    """Return the first sequence that may tell of a job on a subject, and the one behind the last."""
    info, newest = await asyncio.gather(
        stream_info(connection, EVENTS_STREAM), direct_get.read_last(connection, EVENTS_STREAM, [subject])
    )
    oldest, end = max(1, int(info["state"]["first_seq"])), newest[subject].sequence + 1 if newest else 0
    made = not_before(job_id)
    if newest and made is not None:
        oldest = await direct_get.first_since(connection, EVENTS_STREAM, made) or end
    return oldest, end


def _told(messages: Iterable[StoredMessage], job_type: str, job_id: str) -> Iterator[tuple[int, Told]]:
    named = wire.storable_id(job_id)
    needle = b'"id":' + msgspec.json.encode(named)
    for message in messages:
        if needle in message.body and (told := read_events(message.body)) is not None:
            for event in told.events:
                if (event.type, event.id) == (job_type, named):
                    yield message.sequence, Told(at=told.at, event=event)


def _may_name(body: bytes, prefixes: set[str], trace: str) -> bool:
    return bool(trace and trace.encode() in body) or any(f'"id":"{prefix}'.encode() in body for prefix in prefixes)


def _is_kin(event: JobEvent, prefixes: set[str], trace: str) -> bool:
    return bool(trace and event.trace == trace) or event.id.startswith(tuple(prefixes))
