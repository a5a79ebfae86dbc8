"""Keeps the index like the broker's dead letters: reads what is new, forgets what is gone, starts anew if in doubt."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.cli.queries.dead_letters import CRON, letter_of
from nightshift.cli.queries.streams import stream_info
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.console.letters.index import LetterIndex
from nightshift.heartbeat import Heartbeat
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import Topology, dead_letter_stream

LOOK_SECONDS = 2.0
_MOST_GAPS = 20_000
"""Letters that were removed between others, which the broker names one by one; with more the index begins anew."""
_LONG_SECONDS = 120.0
_log = get_logger("console")


class Progress(NamedTuple):
    """How much of what the broker has is in the index, and why no more is."""

    known: int
    there: int
    error: str

    @property
    def share(self) -> float:
        """The part that is known, from 0 to 1."""
        return min(1.0, self.known / self.there) if self.there else 1.0


class LetterFollower:
    """Follows the dead-letter streams of all services, and that of schedules' events."""

    def __init__(self, connection: Connection, topology: Topology, index: LetterIndex) -> None:
        self._connection, self._index = connection, index
        self.services = [*sorted({consumer.name for consumer in topology.consumers}), CRON]
        self._there: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._error = "the broker has not answered yet"

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(sum(self._index.counts.values()), sum(self._there.values()), self._error)

    def has_read(self, until: Mapping[str, int]) -> bool:
        """Return whether all letters up to these sequences are known, whatever has died since."""
        return all(self._last.get(service, 0) >= sequence for service, sequence in until.items())

    async def run(self, heartbeat: Heartbeat) -> None:
        """Follow until cancelled."""
        while True:
            try:
                for service in self.services:
                    heartbeat.beat(_LONG_SECONDS)
                    await self._follow(service, heartbeat)
                self._error = ""
            except (Unavailable, BrokerRefusedError, CommandError) as error:
                if not self._error:
                    _log.warning("no_letters", f"the dead letters cannot be read: {error}")
                self._error = str(error)
            heartbeat.beat(LOOK_SECONDS + 30)
            await asyncio.sleep(LOOK_SECONDS)

    async def _follow(self, service: str, heartbeat: Heartbeat) -> None:
        state = (await stream_info(self._connection, dead_letter_stream(service)))["state"]
        self._there[service] = int(state["messages"])
        last = int(state["last_seq"])
        if last < self._last.get(service, 0):  # the stream was made anew
            self._index.clear(service)
            self._last[service] = self._gone[service] = 0
        self._index.remove_before(service, int(state["first_seq"]))
        await self._read_new(service, last, heartbeat)
        if self._index.counts.get(service, 0) != self._there[service]:
            await self._forget_gone(service, int(state.get("num_deleted", 0)))

    async def _read_new(self, service: str, last: int, heartbeat: Heartbeat) -> None:
        stream, after = dead_letter_stream(service), self._last.get(service, 0)
        while after < last:
            heartbeat.beat(_LONG_SECONDS)
            page = await direct_get.page(self._connection, stream, ">", after + 1)
            self._index.add(service, [letter_of(message, service) for message in page])
            after = page[-1].sequence if page else last
            self._last[service] = after
            await asyncio.sleep(0)  # pages are answered meanwhile

    async def _forget_gone(self, service: str, gaps: int) -> None:
        """Forget letters that were removed between others; their number alone tells that there are new gaps."""
        if gaps == self._gone.get(service):
            return
        self._gone[service] = gaps
        if gaps > _MOST_GAPS:
            self._index.clear(service)
            self._last[service] = 0
            return
        details: dict[str, Any] = await stream_info(self._connection, dead_letter_stream(service), deleted_details=True)
        self._index.remove(service, details["state"].get("deleted") or ())
