"""Reads every event that is announced during a run, before the stream drops the older ones, and what the alert sees."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from deploy.broker_metrics import behind
from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.broker.jetstream import manage
from nightshift.contract.cron import ScheduleFired
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import CRON_STREAM, EVENTS_KEPT

ALARM_ABOVE, ALARM_AFTER_SECONDS = 25, 15.0
"""The alert `EventsWait`: `deploy/prometheus/alerts.yml`."""
_decode = msgspec.json.Decoder(ScheduleFired).decode


class Announced(msgspec.Struct, frozen=True):
    """An event as `<schedule>@<due time>`, and when the broker stored it (seconds since 1970)."""

    key: str
    stored: float


class EventWatch:
    """Counts the events of `cron.chaos.>` by schedule and due time, and notes how far their service is behind."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._next = connection, 1
        self.counts = Counter[str]()
        self.due: dict[str, list[datetime]] = {}
        self.announced: dict[str, list[Announced]] = {}
        self.behind: list[tuple[float, int]] = []

    async def run(self) -> None:
        """Goes on until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(2)

    async def look(self) -> None:
        """Reads what is new; a broker that is away is asked again next time."""
        try:
            self.behind.append(
                (time.time(), behind(await manage(self._connection, f"CONSUMER.INFO.{CRON_STREAM}.chaos")))
            )
            found = await direct_get.page(self._connection, CRON_STREAM, "cron.chaos.>", self._next)
        except (Unavailable, BrokerRefusedError):
            return
        for message in found:
            event = _decode(message.body)
            due = event.due.astimezone(UTC)
            key = f"{event.name}@{due.isoformat()}"
            self.counts[key] += 1
            self.due.setdefault(event.name, []).append(due)
            self.announced.setdefault(event.name, []).append(Announced(key, message.stored_ns / 1e9))
            self._next = message.sequence + 1


def dropped_after_alarm(
    announced: Mapping[str, Sequence[Announced]], seen: Sequence[tuple[float, int]]
) -> frozenset[str]:
    """The events that newer ones of their schedule pushed out of the stream after the alert had fired.

    `seen` is how far the service was behind, and when (seconds since 1970).
    """
    alarms = _alarms(seen)
    return frozenset(
        event.key
        for events in announced.values()
        for event, last_straw in zip(events, events[EVENTS_KEPT:], strict=False)
        if any(event.stored <= fired <= last_straw.stored for fired in alarms)
    )


def _alarms(seen: Sequence[tuple[float, int]]) -> list[float]:
    """When the alert was firing, as far as it was looked at."""
    firing = list[float]()
    since: float | None = None
    for at, count in seen:
        since = None if count <= ALARM_ABOVE else at if since is None else since
        if since is not None and at - since >= ALARM_AFTER_SECONDS:
            firing.append(at)
    return firing
