"""What a service does beside its jobs: the outbox's relay, and the sweeps of its streams."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.database import Database
from nightshift.heartbeat import Heartbeat
from nightshift.housekeeping.lease import take_lease
from nightshift.housekeeping.orphans import OrphanRescuer
from nightshift.housekeeping.overdue import publish_overdue
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import Consumer

RELAY_SECONDS = 20.0
SWEEP_SECONDS = 20.0
"""Nobody is told of a schedule that did not fire: looking often is the only way to notice."""
SWEEP_SHARE = 0.02
"""Of a replica's time, at most: with more than about 10,000 jobs waiting (0.4 s) a sweep comes more rarely."""
SWEEP_AT_LEAST_EVERY_SECONDS = 3600.0
SWEEP_AFTER_REFUSAL_SECONDS = 20.0
STALLED_SECONDS = 900.0
"""For one turn: to relay, or to sweep a million waiting jobs, takes less than a minute."""
_log = get_logger("chores")


class Housekeeping:
    """Runs beside a worker. Every replica relays, which does no harm; of the replicas one sweeps at a time."""

    def __init__(
        self,
        service: str,
        consumers: Sequence[Consumer],
        *,
        connection: Connection,
        database: Database,
        outbox: Outbox,
        publisher: Publisher,
    ) -> None:
        self._service, self._connection, self._database = service, connection, database
        self._outbox, self._publisher = outbox, publisher
        self._leftovers = OrphanRescuer(service, consumers, connection=connection, publisher=publisher)
        self._refused = asyncio.Event()

    def refused(self) -> None:
        """Notes that the broker refused something: schedules may have missed their time."""
        self._refused.set()

    async def relay(self, heartbeat: Heartbeat) -> NoReturn:
        """Publish what is left in the outbox, again and again until cancelled."""
        while True:
            heartbeat.beat(STALLED_SECONDS)
            try:
                await self._outbox.relay(datetime.now(UTC))
            except* (Unavailable, BrokerRefusedError) as errors:
                _log.debug("relay_waits", f"The outbox waits: {errors.exceptions[0]}")
            except* Exception:  # noqa: BLE001 - a chore must not end because of one bad turn
                _log.exception("relay_failed", "The outbox's relay met an error; it tries again")
            await asyncio.sleep(RELAY_SECONDS)

    async def sweep(self, heartbeat: Heartbeat) -> NoReturn:
        """Look for overdue and orphaned jobs, again and again until cancelled."""
        while True:
            heartbeat.beat(STALLED_SECONDS)
            again_seconds = SWEEP_SECONDS
            try:
                now = datetime.now(UTC)
                if await self._is_mine(now):
                    started = time.monotonic()
                    await publish_overdue(self._connection, self._publisher, self._service, now)
                    await self._leftovers.sweep(now)
                    again_seconds = pause_after(time.monotonic() - started)
            except (Unavailable, BrokerRefusedError) as error:
                _log.debug("sweep_waits", f"The sweep waits: {error}")
            except Exception:  # noqa: BLE001 - a chore must not end because of one bad turn
                _log.exception("sweep_failed", "The sweep met an error; it tries again")
            heartbeat.beat()
            await self._until_due(again_seconds)

    async def _until_due(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._refused.wait()
        except TimeoutError:
            return
        self._refused.clear()
        await asyncio.sleep(SWEEP_AFTER_REFUSAL_SECONDS)

    async def _is_mine(self, now: datetime) -> bool:
        """Return whether this replica sweeps this time: the first one to ask after the last one's lease expired."""
        until = now + timedelta(seconds=SWEEP_SECONDS)
        return await take_lease(self._database, self._service, "sweep", now=now, until=until)


def pause_after(sweep_seconds: float) -> float:
    """How long to wait after a sweep that took so long: the longer it takes, the more rarely it is made."""
    return min(max(sweep_seconds / SWEEP_SHARE, SWEEP_SECONDS), SWEEP_AT_LEAST_EVERY_SECONDS)
