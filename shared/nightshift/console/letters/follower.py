"""Keeps the index like the broker's dead letters: reads what is new, forgets what is gone, starts anew if in doubt."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.cli.queries.dead_letters import CRON, letter_of
from nightshift.cli.queries.streams import stream_info
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.console.figures.changes import Changes
from nightshift.console.figures.reading import Sample
from nightshift.console.figures.sampler import Sampler
from nightshift.console.letters.index import LetterIndex
from nightshift.heartbeat import Heartbeat
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import Topology, dead_letter_stream

_BATCH = 500
_MOST_GAPS = 20_000
"""Letters that were removed between others, which the broker names one by one; with more the index begins anew."""
_LONG_SECONDS = 120.0
_log = get_logger("console")


class Progress(NamedTuple):
    """How much of what the broker has is in the index, and why no more is."""

    known: int
    there: int
    error: str
    complete: bool
    """Whether it has been like the broker's since it was begun anew; what comes in is read with the next look."""

    @property
    def share(self) -> float:
        """The part that is known, from 0 to 1."""
        return 1.0 if self.complete or not self.there else min(1.0, self.known / self.there)


class LetterFollower:
    """Follows the dead-letter streams of all services, and that of schedules' events."""

    def __init__(
        self, connection: Connection, topology: Topology, index: LetterIndex, sampler: Sampler, changes: Changes
    ) -> None:
        self._connection, self._index, self._sampler, self._changes = connection, index, sampler, changes
        self.services = [*sorted({consumer.name for consumer in topology.consumers}), CRON]
        self._there: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._error = "the broker has not answered yet"
        self._complete = False

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(sum(self._index.counts.values()), sum(self._there.values()), self._error, self._complete)

    def has_read(self, until: Mapping[str, int]) -> bool:
        """Return whether all letters up to these sequences are known, whatever has died since."""
        return all(self._last.get(service, 0) >= sequence for service, sequence in until.items())

    async def run(self, heartbeat: Heartbeat) -> None:
        """Follow until cancelled."""
        look = 0
        while True:
            heartbeat.beat(_LONG_SECONDS)
            figures, before = await self._sampler.after(look), (self._error, self._index.version)
            look = figures.look
            try:
                if figures.sample is None or figures.error:
                    self._error = figures.error
                else:
                    await self._follow_all(figures.sample, heartbeat)
            except (Unavailable, BrokerRefusedError, CommandError) as error:
                _log.warning("no_letters", f"the dead letters cannot be read: {error}")
                self._error = str(error)
            if before != (self._error, self._index.version):
                self._changes.tell("letters")

    async def _follow_all(self, sample: Sample, heartbeat: Heartbeat) -> None:
        states = {service: sample.states.get(dead_letter_stream(service)) for service in self.services}
        there = {service: state for service, state in states.items() if state is not None}
        self._there = {service: int(state["messages"]) for service, state in there.items()}
        missing = next((dead_letter_stream(service) for service in states if service not in there), "")
        self._error = f"the broker has no stream {missing}: run `nightshift provision`" if missing else ""
        for service, state in there.items():
            await self._follow(service, state, heartbeat)
        self._complete = all(service in self._last for service in there)

    async def _follow(self, service: str, state: Mapping[str, Any], heartbeat: Heartbeat) -> None:
        last = int(state["last_seq"])
        if last < self._last.get(service, 0):  # the stream was made anew
            self._begin_anew(service)
            self._gone.pop(service, None)
        self._index.remove_before(service, int(state["first_seq"]))
        await self._read_new(service, last, heartbeat)
        if self._index.counts.get(service, 0) != self._there[service]:
            await self._forget_gone(service, int(state.get("num_deleted", 0)))

    async def _read_new(self, service: str, last: int, heartbeat: Heartbeat) -> None:
        after = self._last.setdefault(service, 0)
        if after >= last:
            return
        stream = dead_letter_stream(service)
        async with aclosing(direct_get.pages(self._connection, stream, sequence=after + 1, batch=_BATCH)) as pages:
            async for page in pages:
                heartbeat.beat(_LONG_SECONDS)
                self._index.add(service, [letter_of(message, service) for message in page])
                self._last[service] = page[-1].sequence
                self._changes.tell("letters")
                await asyncio.sleep(0)  # the console's pages are answered meanwhile
                if page[-1].sequence >= last:
                    return
        self._last[service] = last

    def _begin_anew(self, service: str) -> None:
        self._index.clear(service)
        self._last.pop(service, None)
        self._complete = False

    async def _forget_gone(self, service: str, gaps: int) -> None:
        """Forget letters that were removed between others; their number alone tells that there are new gaps."""
        if gaps == self._gone.get(service):
            return
        self._gone[service] = gaps
        if gaps > _MOST_GAPS:
            self._begin_anew(service)
            return
        details: dict[str, Any] = await stream_info(self._connection, dead_letter_stream(service), deleted_details=True)
        self._index.remove(service, details["state"].get("deleted") or ())
