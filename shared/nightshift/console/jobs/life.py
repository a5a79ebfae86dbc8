"""All that a page tells of one job: its places, what was told of it, its kin, and its stored copy."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import UNSET

from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.audit import RecordedAction
from nightshift.cli.queries.events import Told
from nightshift.cli.queries.job_history import (
    History,
    Kin,
    Parent,
    children_prefix,
    parent_of,
    read_back,
    read_kin,
)
from nightshift.cli.queries.location import Location
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.console.context import ConsoleContext
from nightshift.console.jobs.places import SMALL_QUEUE, SMALL_SECONDS, QueueSearch, places_of, search_queue, stored_copy
from nightshift.console.jobs.revivals import revivals
from nightshift.contract import wire
from nightshift.messaging.ledger import LedgerEntry, find
from nightshift.messaging.tracing import trace_id_in
from nightshift.outcomes import Unavailable

READ_SECONDS = 0.4
"""For each of the two readings of a page in the stream of events."""
_NO_KIN = Kin({}, complete=True)


class Relative(NamedTuple):
    """A job of the tree: how deep below the one that is shown, and the newest that was told of it."""

    type: str
    job_id: str
    depth: int
    told: Told


@dataclass(slots=True)
class Life:
    """A job, as far as it is known."""

    type: str
    job_id: str
    places: list[Location]
    history: History
    revived: list[RecordedAction]
    """The redrives after its deaths."""
    copy: StoredMessage | None
    copy_of: Location | None
    """The place at which that is."""
    entry: LedgerEntry | None
    parent: Parent | None
    children: list[Relative]
    others: list[Relative]
    """Jobs of the same trace that are no follow-ups of it, as far as their ids tell."""
    kin_complete: bool
    search: QueueSearch | None
    notices: list[str]

    @property
    def service(self) -> str:
        """The service that works on its type."""
        return wire.service_of(self.type)

    @property
    def state(self) -> str:
        """Its state in a word; empty if it is not known."""
        if self.places:
            return self.places[0].state
        last = self.history.told[-1].event if self.history.told else None
        if last is None:
            return ""
        return last.what if last.is_over else "in flight" if not last.ends_attempt else "waiting"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in {"done", "skipped", "cancelled", "dead"}

    @property
    def trace(self) -> str:
        """The id of its trace; empty if it has none."""
        return trace_of(self.history.told, self.copy)


async def life_of(
    console: ConsoleContext, job_type: str, job_id: str, *, before: int | None, search: tuple[int, int] | None
) -> Life:
    """Look up a job; `before` is where reading back goes on, `search` where that of its queue goes on, and how far."""
    (places, unseen), (history, untold) = await asyncio.gather(
        places_of(console, job_id, [job_type]), _history(console, job_type, job_id, before)
    )
    async with console.reading:
        found = await _search(console, job_type, job_id, search, places)
        if found is not None and found.found is not None:
            places.append(found.found)
        copy_of, copy = await _copy(console, job_type, places)
        trace = trace_of(history.told, copy)
        kin = await _kin(console, job_type, job_id, trace, history)
        revived = await revivals(console.connection, wire.service_of(job_type), job_id, history.told, places)
    children, others = _tree(job_type, job_id, kin)
    return Life(
        type=job_type,
        job_id=job_id,
        places=places,
        history=history,
        revived=revived,
        copy=copy,
        copy_of=copy_of,
        entry=await _entry(console, job_type, job_id),
        parent=parent_of(job_id),
        children=children,
        others=others,
        kin_complete=kin.complete,
        search=found,
        notices=[*unseen, *untold],
    )


def trace_of(told: Sequence[Told], copy: StoredMessage | None) -> str:
    """Return the id of a job's trace, from what was told of it or from its copy."""
    traced = next((one.event.trace for one in told if one.event.trace is not UNSET), "")
    return traced or trace_id_in(copy.headers.get(wire.TRACEPARENT, "") if copy is not None else "")


async def _history(
    console: ConsoleContext, job_type: str, job_id: str, before: int | None
) -> tuple[History, list[str]]:
    """Return what was told of a job, and what has to be said of that."""
    try:
        async with console.reading:
            return await read_back(console.connection, job_type, job_id, seconds=READ_SECONDS, before=before), []
    except (Unavailable, CommandError) as away:
        return History([], 0, None), [f"{away}. What was told of it is not shown."]


async def _search(
    console: ConsoleContext, job_type: str, job_id: str, wanted: tuple[int, int] | None, places: Sequence[Location]
) -> QueueSearch | None:
    if wanted is None:
        if places:
            return None
        return await search_queue(console, job_type, job_id, 0, SMALL_QUEUE, seconds=SMALL_SECONDS)
    return await search_queue(console, job_type, job_id, *wanted)


async def _copy(
    console: ConsoleContext, job_type: str, places: Sequence[Location]
) -> tuple[Location | None, StoredMessage | None]:
    for place in places:
        message = await stored_copy(console.connection, job_type, place)
        if message is not None:
            return place, message
    return None, None


async def _kin(console: ConsoleContext, job_type: str, job_id: str, trace: str, history: History) -> Kin:
    if not history.told:  # nothing can have come of it
        return _NO_KIN
    try:
        return await read_kin(
            console.connection, job_type, job_id, trace=trace, first=history.first, seconds=READ_SECONDS
        )
    except Unavailable:
        return Kin({}, complete=False)


async def _entry(console: ConsoleContext, job_type: str, job_id: str) -> LedgerEntry | None:
    database = console.operator.database()
    try:
        return await find(database, job_type, job_id) if database is not None else None
    except Unavailable:  # its place was not found either, and the page says so
        return None


def _tree(job_type: str, job_id: str, kin: Kin) -> tuple[list[Relative], list[Relative]]:
    """Order the jobs behind one: each below the one that it came of."""
    children = list(_below(job_type, job_id, kin, 0))
    known = {(one.type, one.job_id) for one in children}
    others = [Relative(*key, 0, told) for key, told in kin.newest.items() if key not in known]
    return children, others


def _below(job_type: str, job_id: str, kin: Kin, depth: int) -> Iterator[Relative]:
    prefix = children_prefix(job_type, job_id)
    for key, told in kin.newest.items():
        if key[1].startswith(prefix):
            yield Relative(*key, depth, told)
            yield from _below(*key, kin, depth + 1)
