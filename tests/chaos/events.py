"""Reads every event that is announced during a run, before the stream drops the older ones."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.contract.cron import ScheduleFired
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import CRON_STREAM

_decode = msgspec.json.Decoder(ScheduleFired).decode


_ALARM = re.compile(r"(\S+) has lost \d+ events since this scheduler started, the last one due at ([0-9T:-]+Z)")


def said_to_have_lapsed(log: str) -> Iterator[str]:
    """The events of which a scheduler's log says so."""
    for name, due in _ALARM.findall(log):
        yield f"{name}@{datetime.fromisoformat(due).isoformat()}"


class EventWatch:
    """Counts the events of `cron.chaos.>` by schedule and due time."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._next = connection, 1
        self.counts = Counter[str]()
        self.due: dict[str, list[datetime]] = {}

    async def run(self) -> None:
        """Goes on until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(2)

    async def look(self) -> None:
        """Reads what is new; a broker that is away is asked again next time."""
        try:
            found = await direct_get.page(self._connection, CRON_STREAM, "cron.chaos.>", self._next)
        except Unavailable:
            return
        for message in found:
            event = _decode(message.body)
            due = event.due.astimezone(UTC)
            self.counts[f"{event.name}@{due.isoformat()}"] += 1
            self.due.setdefault(event.name, []).append(due)
            self._next = message.sequence + 1
