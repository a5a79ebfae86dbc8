"""What runs beside a worker: the relay of its outbox, and the sweep of its streams."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.database import Database
from nightshift.heartbeat import Heartbeat
from nightshift.housekeeping.lease import take_lease
from nightshift.housekeeping.orphans import OrphanRescuer
from nightshift.housekeeping.overdue import OVERDUE, publish_overdue
from nightshift.instants import utc_now
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.outbox_rows import outbox_shares
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStoreRefusedError
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import OutboxShare
from nightshift.outcomes import Unavailable
from nightshift.topology.consumer import Consumer

SWEEP_SHARE = 0.02
"""Of a replica's time, at most: with more than about 10,000 jobs waiting (0.4 s) a sweep runs less often."""
MAX_SWEEP_SECONDS = 3600.0
"""A sweep runs so often at least."""
STALLED_SECONDS = 900.0
"""For one turn: to relay, or to sweep a million waiting jobs, takes less than a minute."""
_log = get_logger("housekeeping")

Sweep = Callable[[datetime], Awaitable[None]]
"""A function of the present that looks once through the streams of a service."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait between two turns, and from when on a schedule is overdue."""

    relay_seconds: float = 20.0
    sweep_seconds: float = 20.0
    """The broker tells nobody of a schedule that did not fire: looking often is the only way to notice."""
    after_refusal_seconds: float = 20.0
    """When the broker has refused something, there may be room again after this time."""
    overdue_after: timedelta = OVERDUE

    @property
    def lease(self) -> timedelta:
        """Return how long a replica keeps the others from sweeping: until the next sweep can be due."""
        return timedelta(seconds=min(self.sweep_seconds, self.after_refusal_seconds))


DEFAULT_TIMING = Timing()


class Housekeeping:
    """Runs beside a worker. Every replica relays, which does no harm; of the replicas one sweeps at a time."""

    def __init__(
        self,
        service: str,
        database: Database,
        outbox: Outbox,
        sweep: Sweep,
        timing: Timing = DEFAULT_TIMING,
        *,
        measured: Callable[[Sequence[OutboxShare]], None] | None = None,
    ) -> None:
        """`measured` is told before each relay what the outbox holds."""
        self._service, self._database, self._outbox = service, database, outbox
        self._sweep, self._timing, self._measured = sweep, timing, measured
        self._refused = asyncio.Event()

    def refused(self) -> None:
        """Sweep soon, because the broker refused something: schedules may have missed their time."""
        self._refused.set()

    async def relay(self, heartbeat: Heartbeat) -> NoReturn:
        """Publish what is left in the outbox, again and again until cancelled."""
        while True:
            heartbeat.beat(STALLED_SECONDS)
            try:
                await self._measure()
                await self._outbox.relay(utc_now())
            except* (Unavailable, BrokerRefusedError, ObjectStoreRefusedError) as errors:
                _log.debug("relay_waits", f"The outbox waits: {errors.exceptions[0]}")
            except* Exception:  # noqa: BLE001 - one bad turn must not end the relay
                _log.exception("relay_failed", "The relay of the outbox failed; it tries again")
            await asyncio.sleep(self._timing.relay_seconds)

    async def _measure(self) -> None:
        if self._measured is not None:
            self._measured(await outbox_shares(self._database))

    async def sweep(self, heartbeat: Heartbeat) -> NoReturn:
        """Look for overdue and orphaned jobs, again and again until cancelled."""
        while True:
            heartbeat.beat(STALLED_SECONDS)
            pause_seconds = self._timing.sweep_seconds
            try:
                now = utc_now()
                if await self.take_turn(now):
                    started = time.monotonic()
                    await self._sweep(now)
                    pause_seconds = max(pause_seconds, pause_after(time.monotonic() - started))
            except (Unavailable, BrokerRefusedError) as error:
                _log.debug("sweep_waits", f"The sweep waits: {error}")
            except Exception:  # noqa: BLE001 - one bad turn must not end the sweeping
                _log.exception("sweep_failed", "The sweep failed; it tries again")
            heartbeat.beat()
            await self._until_due(pause_seconds)

    async def take_turn(self, now: datetime) -> bool:
        """Take the lease of the sweep; return False while another replica has it.

        Raises:
            Unavailable: the database is unavailable.
        """
        return await take_lease(self._database, self._service, "sweep", now=now, until=now + self._timing.lease)

    async def _until_due(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._refused.wait()
        except TimeoutError:
            return
        self._refused.clear()
        await asyncio.sleep(self._timing.after_refusal_seconds)


def sweep_of(
    service: str,
    consumers: Sequence[Consumer],
    connection: Connection,
    publisher: Publisher,
    timing: Timing = DEFAULT_TIMING,
) -> Sweep:
    """Return the sweep of a service: overdue schedules first, then orphaned jobs."""
    rescuer = OrphanRescuer(service, consumers, connection=connection, publisher=publisher)

    async def sweep(now: datetime) -> None:
        await publish_overdue(connection, publisher, service, now, overdue_after=timing.overdue_after)
        await rescuer.rescue(now)

    return sweep


def pause_after(sweep_seconds: float) -> float:
    """Return how long to wait after a sweep that took so long: the longer it takes, the less often it runs."""
    return min(sweep_seconds / SWEEP_SHARE, MAX_SWEEP_SECONDS)
