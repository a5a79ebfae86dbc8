"""What is paused, by whom, why and until when: shown on every page until it ends."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.cli.actions.queue_table import FOREVER
from nightshift.cli.queries.audit import ActionFilter, RecordedAction, recorded_actions
from nightshift.cli.queries.streams import stream_info
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.console.figures.sampler import Sampler
from nightshift.heartbeat import Heartbeat
from nightshift.outcomes import Unavailable
from nightshift.topology import schedule_pauses
from nightshift.topology.audit_stream import AUDIT_STREAM

_LOOK_SECONDS = 2.0
_READ = 5_000
"""Entries of the record that are looked through for the reason of a pause."""


class Pause(NamedTuple):
    """A queue or schedule that is paused; `who` and `why` are empty where that is not recorded any more."""

    name: str
    path: str
    until: datetime | None
    who: str
    why: str
    since: datetime | None


class Pauses:
    """Knows all pauses; the broker has them, and the record of actions who and why."""

    def __init__(self, connection: Connection, sampler: Sampler) -> None:
        self._connection, self._sampler = connection, sampler
        self._schedules: frozenset[str] = frozenset()
        self._recorded: dict[tuple[str, str], RecordedAction] = {}
        self._seen = -1

    @property
    def current(self) -> Sequence[Pause]:
        """What is paused, as far as it is known."""
        queues = [
            self._pause("queues.pause", row.service, f"/queues/{row.service}", row.paused_until)
            for row in self._sampler.rows
            if row.paused
        ]
        schedules = [self._pause("cron.pause", name, f"/schedules/{name}", None) for name in sorted(self._schedules)]
        return [*queues, *schedules]

    async def run(self, heartbeat: Heartbeat) -> None:
        """Follow until cancelled."""
        while True:
            heartbeat.beat(60)
            try:
                self._schedules = await schedule_pauses.paused(self._connection)
                await self._read_record()
            except (Unavailable, BrokerRefusedError, CommandError):
                pass  # what was known stays, and the pages say that the broker is away
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read_record(self) -> None:
        last = int((await stream_info(self._connection, AUDIT_STREAM))["state"]["last_seq"])
        if last == self._seen:
            return
        found: dict[tuple[str, str], RecordedAction] = {}
        async for one in recorded_actions(self._connection, ActionFilter(action="*.pause"), most_read=_READ):
            if one.result in {"done", "open"}:
                found.setdefault((one.action, one.on), one)
        self._recorded, self._seen = found, last

    def _pause(self, action: str, name: str, path: str, until: datetime | None) -> Pause:
        said = self._recorded.get((action, name))
        ends = until if until is not None and until < FOREVER else None
        return Pause(name, path, ends, said.who if said else "", said.reason if said else "", said.at if said else None)
