"""What is paused, by whom, why and until when, shown on every page until it ends; and what was done lately."""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.cli.actions.queue_table import FOREVER
from nightshift.cli.queries.audit import ActionFilter, RecordedAction, recorded_actions
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.console.figures.changes import Changes
from nightshift.console.figures.reading import Mark, Sample
from nightshift.console.figures.sampler import Sampler
from nightshift.heartbeat import Heartbeat
from nightshift.outcomes import Unavailable
from nightshift.topology import schedule_pauses
from nightshift.topology.audit_stream import AUDIT_STREAM
from nightshift.topology.topology import CRON_PAUSED_STREAM

_READ = 5_000
"""Entries of the record that are looked through for the reason of a pause."""
_MARKED = frozenset({"queues.pause", "queues.resume", "dlq.redrive"})
_MOST_MARKED = 200


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

    def __init__(self, connection: Connection, sampler: Sampler, changes: Changes) -> None:
        self._connection, self._sampler, self._changes = connection, sampler, changes
        self._schedules: frozenset[str] = frozenset()
        self._recorded: dict[tuple[str, str], RecordedAction] = {}
        self._seen: dict[str, Mark | None] = {}
        self._told: Sequence[Pause] = ()
        self.marked: Sequence[RecordedAction] = ()
        """The newest actions that charts mark, the newest first."""

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
        look = 0
        while True:
            heartbeat.beat(60)
            figures = await self._sampler.after(look)
            look = figures.look
            if figures.sample is None or figures.error:
                continue
            with contextlib.suppress(Unavailable, BrokerRefusedError, CommandError):  # what was known stays
                await self._read(figures.sample)
            if self._told != (now := self.current):
                self._told = now
                self._changes.tell("pauses")

    async def _read(self, sample: Sample) -> None:
        """Read what has changed since it was read last."""
        if self._is_new(sample, CRON_PAUSED_STREAM):
            self._schedules = await schedule_pauses.paused(self._connection)
            self._seen[CRON_PAUSED_STREAM] = sample.mark(CRON_PAUSED_STREAM)
        if self._is_new(sample, AUDIT_STREAM):
            found, marked = dict[tuple[str, str], RecordedAction](), list[RecordedAction]()
            async for one in recorded_actions(self._connection, ActionFilter(), most_read=_READ):
                if one.action.endswith(".pause") and one.result in {"done", "open"}:
                    found.setdefault((one.action, one.on), one)
                if one.action in _MARKED and one.result != "failed" and len(marked) < _MOST_MARKED:
                    marked.append(one)
            self._recorded, self.marked = found, marked
            self._seen[AUDIT_STREAM] = sample.mark(AUDIT_STREAM)

    def _is_new(self, sample: Sample, stream: str) -> bool:
        return stream not in self._seen or self._seen[stream] != sample.mark(stream)

    def _pause(self, action: str, name: str, path: str, until: datetime | None) -> Pause:
        said = self._recorded.get((action, name))
        ends = until if until is not None and until < FOREVER else None
        return Pause(name, path, ends, said.who if said else "", said.reason if said else "", said.at if said else None)
