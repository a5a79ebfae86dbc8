"""The stream CRON as the scheduler uses it: the newest event of each schedule is its memory."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.broker.batch import store_batch
from nightshift.broker.jetstream import store
from nightshift.broker.message import OutboundMessage, StoredMessage
from nightshift.contract.cron import ScheduleFired, event_subject
from nightshift.contract.wire import MSG_ID
from nightshift.instants import rfc3339
from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.outcomes import Unavailable
from nightshift.topology import schedule_pauses
from nightshift.topology.topology import CRON_STREAM

EXPECTED_SEQUENCE = "Nats-Expected-Last-Subject-Sequence"
_TIMEOUT_SECONDS = 5.0
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC)
"""Beyond, a time zone leads out of the calendar."""
_decode = msgspec.json.Decoder(ScheduleFired).decode


class LastEvent(msgspec.Struct, frozen=True):
    """The newest event of a schedule; `event` is None when somebody put something else there."""

    sequence: int
    event: ScheduleFired | None


class EventStream(Protocol):
    """Where events are announced, and what was announced before."""

    @property
    def is_up(self) -> bool:
        """Return whether the broker can be reached."""
        ...

    async def latest_events(self, names: Sequence[str]) -> dict[str, LastEvent]:
        """Return the newest event of each of these schedules that has one."""
        ...

    async def announced_due_times(self, name: str) -> frozenset[datetime]:
        """Return the due times of all events of a schedule that are still kept."""
        ...

    async def paused(self) -> frozenset[str]:
        """Return the names of the schedules that the operator has paused."""
        ...

    async def announce(self, events: Sequence[OutboundMessage]) -> list[int | Exception]:
        """Store events of different schedules, all or none; return their sequences, or for each why not."""
        ...

    async def announce_singly(self, events: Sequence[OutboundMessage]) -> list[int | Exception]:
        """Store events of different schedules each by itself; return their sequences, or why one was refused."""
        ...


class CronStream:
    """The stream at the broker. It must allow direct gets; atomic batches make many events at once cheap."""

    def __init__(self, connection: Connection, tracing: Tracing = NO_TRACING) -> None:
        self._connection, self._tracing = connection, tracing

    @property
    def is_up(self) -> bool:
        """Return whether the broker can be reached."""
        return self._connection.up.is_set()

    async def latest_events(self, names: Sequence[str]) -> dict[str, LastEvent]:
        """Return the newest event of each of these schedules that has one.

        Raises:
            Unavailable: the broker or the stream is unavailable.
        """
        subjects = {event_subject(name): name for name in names}
        found = await direct_get.read_last(self._connection, CRON_STREAM, subjects)
        return {subjects[subject]: _last_event(message) for subject, message in found.items()}

    async def announced_due_times(self, name: str) -> frozenset[datetime]:
        """Return the due times of all events of a schedule that are still kept.

        Raises:
            Unavailable: the broker or the stream is unavailable.
        """
        found = await direct_get.read_all(self._connection, CRON_STREAM, event_subject(name))
        events = (read_event(message.body) for message in found)
        return frozenset(event.due.astimezone(UTC) for event in events if event is not None)

    async def paused(self) -> frozenset[str]:
        """Return the names of the schedules that the operator has paused.

        Raises:
            Unavailable: the broker or the stream of pauses is unavailable.
        """
        return await schedule_pauses.paused(self._connection)

    async def announce(self, events: Sequence[OutboundMessage]) -> list[int | Exception]:
        """Store events, of a different schedule each; return their sequences, or why one was not stored.

        Several are stored all or none (one disk write for all): when one is refused, that answer stands for each.
        """
        try:
            with self._sending(events) as traced:
                if len(traced) == 1:
                    return [await self._store(traced[0])]
                return [stored.seq for stored in await store_batch(self._connection, traced, timeout_seconds=5)]
        except (Unavailable, BrokerRefusedError) as answer:
            return [answer] * len(events)

    async def announce_singly(self, events: Sequence[OutboundMessage]) -> list[int | Exception]:
        """Store events each by itself, so that one that is refused does not hold up the others."""
        results = await asyncio.gather(*(self.announce([event]) for event in events))
        return [result for (result,) in results]

    def _sending(self, events: Sequence[OutboundMessage]) -> AbstractContextManager[Sequence[OutboundMessage]]:
        """With spans where tracing is on; none for what is refused, which another scheduler announced first."""
        return self._tracing.sending(events, no_matter=(BrokerRefusedError,))

    async def _store(self, event: OutboundMessage) -> int:
        stored = await store(
            self._connection, event.subject, event.headers, event.body, timeout_seconds=_TIMEOUT_SECONDS
        )
        return stored.seq


def outgoing_event(event: ScheduleFired, last_sequence: int) -> OutboundMessage:
    """Return the message of an event, which is stored only if no other came since `last_sequence` (0: none yet)."""
    due = rfc3339(event.due)
    headers = {MSG_ID: f"{event.name}@{due}", EXPECTED_SEQUENCE: str(last_sequence)}
    return OutboundMessage(event_subject(event.name), headers, msgspec.json.encode(event))


def _last_event(message: StoredMessage) -> LastEvent:
    return LastEvent(message.sequence, read_event(message.body))


def read_event(body: bytes) -> ScheduleFired | None:
    """Return the event that a stored message is; None for what no scheduler can have announced."""
    try:
        event = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event if _EARLIEST <= event.due <= _LATEST else None
