"""The one sampler: looks at the broker while somebody watches, seldom otherwise; its figures are everybody's."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.cli.queries.queue_stats import QueueStats
from nightshift.cli.terminal.exit_codes import CommandError
from nightshift.console.figures.changes import EVERYTHING, Changes
from nightshift.console.figures.presence import Presence
from nightshift.console.figures.reading import Sample, changed, read_sample
from nightshift.console.figures.retries import Retries
from nightshift.console.figures.worker_log import WorkerLog
from nightshift.heartbeat import Heartbeat
from nightshift.instants import utc_now
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import Topology

WATCHED_SECONDS, IDLE_SECONDS = 1.0, 10.0
"""Between two looks, with somebody watching and with nobody."""
_REQUESTS_PER_SECOND = 8.0
"""While somebody watches; where a look needs more, the next one is later."""
_WATCHED_FOR_SECONDS = 15.0
_FAILING_SECONDS = 2.0
FRESH_SECONDS = 3.0
"""Who opens a page is shown older figures only if there are no newer ones to be had."""
_PATIENCE_SECONDS = 2.0
_HISTORY_SECONDS, _HISTORY_POINTS = 10.0, 90
_LOOK_SECONDS = 20.0
_log = get_logger("console")


class Figures(NamedTuple):
    """The newest figures, and why there are no newer ones; None before the first."""

    sample: Sample | None
    error: str
    failing_since: datetime | None
    look: int = 0
    """The number of the look that has found them, or has failed."""


class Point(NamedTuple):
    """What waited at an instant."""

    at: datetime
    waiting: int


class Sampler:
    """Keeps the newest figures, and the last quarter of an hour of what waits in each queue."""

    def __init__(self, connection: Connection, topology: Topology, changes: Changes) -> None:
        self._connection, self._topology, self._changes = connection, topology, changes
        self._presence, self._retries = Presence(connection), Retries(connection)
        self._figures = Figures(None, "", None)
        self.workers = WorkerLog()
        self._history: dict[str, deque[Point]] = {}
        self._noted = 0.0
        self._woken = asyncio.Event()
        self._look_anew = False
        self._changed = asyncio.Condition()
        self._watched_until = 0.0
        self._looked_at = 0.0

    @property
    def history(self) -> Mapping[str, deque[Point]]:
        """What waited in each service's queue, every ten seconds for a quarter of an hour, the newest last."""
        return self._history

    async def current(self) -> Figures:
        """Return the figures, fresh ones if the broker gives them in time."""
        if self.watch():
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    return await self.after(self._figures.look)
            except TimeoutError:
                if self._figures.sample is None and not self._figures.error:
                    return Figures(None, "the broker has not answered yet", utc_now())
        return self._figures

    def watch(self) -> bool:
        """Note that somebody watches; return whether the figures are old, and are being read anew."""
        now = time.monotonic()
        self._watched_until = now + _WATCHED_FOR_SECONDS
        self._woken.set()
        return now - self._looked_at > max(FRESH_SECONDS, self._pace())

    async def after(self, look: int) -> Figures:
        """Return the figures of a later look than this, when it has been taken."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._figures.look > look)
        return self._figures

    def known(self, service: str) -> QueueStats | None:
        """Return the last figures of a service, however old; None before the first."""
        sample = self._figures.sample
        return sample.queue(service) if sample else None

    @property
    def rows(self) -> Sequence[QueueStats]:
        """The last figures of all queues, however old."""
        return self._figures.sample.queues if self._figures.sample else ()

    def look_again(self) -> None:
        """Look at the broker at once: somebody has just changed something."""
        self._looked_at, self._look_anew = 0.0, True
        self._woken.set()

    async def run(self, heartbeat: Heartbeat) -> None:
        """Look again and again, until cancelled."""
        while True:
            heartbeat.beat(_LOOK_SECONDS + IDLE_SECONDS + 10)
            await self._look()
            while (left := self._looked_at + self._pace() - time.monotonic()) > 0:
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), left)

    def _pace(self) -> float:
        """Return the seconds between two looks, as things are now."""
        if self._figures.error:  # what goes on when the broker is back waits for that
            return _FAILING_SECONDS
        if not self._changes.followers and time.monotonic() >= self._watched_until:
            return IDLE_SECONDS
        asked = self._figures.sample.asked if self._figures.sample is not None else 0
        return min(max(WATCHED_SECONDS, asked / _REQUESTS_PER_SECOND), IDLE_SECONDS)

    async def _look(self) -> None:
        self._look_anew = False
        before = self._figures
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                sample = await read_sample(
                    self._connection, self._topology, self._presence, self._retries, before.sample
                )
        except TimeoutError:
            self._failed("the broker does not answer")
        except (Unavailable, BrokerRefusedError, CommandError) as error:
            self._failed(str(error))
        else:
            self._figures = Figures(sample, "", None, before.look + 1)
            self._note(sample)
            self.workers.note(sample.at, sample.workers)
            self._changes.tell(*changed(before.sample, sample))
        if before.error != self._figures.error:
            self._changes.tell(EVERYTHING)
        if not self._look_anew:  # else somebody has changed something meanwhile
            self._looked_at = time.monotonic()
        async with self._changed:
            self._changed.notify_all()

    def _failed(self, why: str) -> None:
        if not self._figures.error:
            _log.warning("no_figures", f"the figures cannot be read: {why}")
        last = self._figures
        self._figures = Figures(last.sample, why, last.failing_since or utc_now(), last.look + 1)

    def _note(self, sample: Sample) -> None:
        if time.monotonic() - self._noted < _HISTORY_SECONDS:
            return
        self._noted = time.monotonic()
        for row in sample.queues:
            self._history.setdefault(row.service, deque(maxlen=_HISTORY_POINTS)).append(Point(sample.at, row.waiting))
