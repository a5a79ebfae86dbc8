"""The alarm for events that lapse: the stream drops a schedule's oldest when a newer one comes, had or not.

Noticed by the scheduler whose event pushes another out, since it is there when the service is not.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import manage
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.state.cron_stream import CronStream, LastEvent
from nightshift.scheduler.state.schedule_state import Progress
from nightshift.topology.topology import CRON_STREAM, EVENTS_KEPT

_ADVISORY = f"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{CRON_STREAM}.*"
"""The broker says so when it drops what was delivered and not acknowledged (ADR-15)."""
_TIMEOUT_SECONDS = 1.0
"""Announcing does not wait any longer for what only an alarm needs."""
_REMEMBERED = 1_000
_QUESTIONS_IN_FLIGHT = 16
_NO_CONSUMER = frozenset({10014, 10059})
_log = get_logger("scheduler")


@dataclass(slots=True, frozen=True)
class Position:
    """How far a service has got in the stream; sequences of the stream."""

    delivered: int
    """It has had everything up to here at least once."""
    done: int
    """It has acknowledged everything up to here."""
    waiting: int
    in_flight: int

    def may_lose(self, last: int) -> bool:
        """Whether the oldest event of a schedule whose newest is `last` may be one that it has not done."""
        return self.waiting >= EVENTS_KEPT or (self.in_flight > 0 and last - self.done >= EVENTS_KEPT)


@dataclass(slots=True, frozen=True)
class Doomed:
    """An event that the next one of its schedule pushes out."""

    event: LastEvent
    never_delivered: bool
    """Else it was delivered, and only the broker knows whether it was acknowledged."""


class _Dropped(msgspec.Struct):
    stream_seq: int


_decode = msgspec.json.Decoder(_Dropped).decode


class Lapses:
    """Finds what the next event of a schedule pushes out unseen, and says so once it has."""

    def __init__(
        self,
        connection: Connection,
        stream: CronStream,
        metrics: ScheduleMetrics,
        consumers: Mapping[str, str],
    ) -> None:
        """`consumers` says which service has the events of schedules whose name begins so."""
        self._connection, self._stream, self._metrics, self._consumers = connection, stream, metrics, consumers
        self._unsure: dict[int, tuple[str, LastEvent]] = {}
        self._spare: dict[str, tuple[int, int]] = {}
        """How many more events of a schedule push out nothing undone, and after which one that was so."""
        self._dropped = deque[int](maxlen=_REMEMBERED)
        self._told, self._listening = "", False

    async def doomed(self, entries: Sequence[Progress]) -> dict[str, Doomed]:
        """The events that the next ones push out before their service is done with them, by schedule."""
        await self._listen()
        services = {
            entry.schedule.name: self._consumers.get(entry.schedule.name.partition(".")[0]) for entry in entries
        }
        positions = await self._positions({service for service in services.values() if service})
        bound = asyncio.Semaphore(_QUESTIONS_IN_FLIGHT)

        async def look(entry: Progress) -> Doomed | None:
            position = positions.get(services[entry.schedule.name] or "")
            if position is None or not position.may_lose(entry.sequence):
                return None
            async with bound:
                return await self._next_to_go(entry, position)

        found = await asyncio.gather(*(look(entry) for entry in entries))
        return {entry.schedule.name: one for entry, one in zip(entries, found, strict=True) if one is not None}

    def stored(self, name: str, sequence: int, doomed: Doomed | None) -> None:
        """Notes that the next event is stored, and what it has pushed out."""
        if name in self._spare:
            self._spare[name] = self._spare[name][0] - 1, sequence
        if doomed is not None:
            self._pushed_out(name, doomed)

    def _pushed_out(self, name: str, doomed: Doomed) -> None:
        event = doomed.event
        if doomed.never_delivered or event.sequence in self._dropped:
            self._lapsed(name, event)
        else:
            self._unsure[event.sequence] = name, event
            while len(self._unsure) > _REMEMBERED:
                self._unsure.pop(next(iter(self._unsure)))

    async def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            await self._connection.listen(_ADVISORY, self._hear)

    async def _positions(self, services: Iterable[str]) -> dict[str, Position]:
        names = sorted(services)
        answers = await asyncio.gather(*(self._position(name) for name in names))
        return {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}

    async def _position(self, service: str) -> Position | None:
        try:
            call = f"CONSUMER.INFO.{CRON_STREAM}.{service}"
            info = await manage(self._connection, call, timeout_seconds=_TIMEOUT_SECONDS)
        except (Unavailable, BrokerRefusedError) as error:
            if not (isinstance(error, BrokerRefusedError) and error.code in _NO_CONSUMER):
                self._tell(str(error))
            return None
        delivered, done = info["delivered"]["stream_seq"], info["ack_floor"]["stream_seq"]
        return Position(delivered, done, info["num_pending"], info["num_ack_pending"])

    async def _next_to_go(self, entry: Progress, position: Position) -> Doomed | None:
        """The oldest event of a schedule that has as many as are kept, if its service is not done with it."""
        name = entry.schedule.name
        spare, last = self._spare.get(name, (0, 0))
        if spare > 0 and last == entry.sequence:
            return None
        try:
            kept = await self._stream.kept(name)
        except Unavailable as away:
            self._tell(str(away))
            return None
        spare = EVENTS_KEPT - len(kept) + sum(event.sequence <= position.done for event in kept)
        self._spare[name] = spare, entry.sequence
        return None if spare > 0 else Doomed(kept[0], kept[0].sequence > position.delivered)

    def _hear(self, _subject: bytes, _reply: bytes, _header: bytes, body: bytes) -> None:
        try:
            sequence = _decode(body).stream_seq
        except msgspec.DecodeError:
            return
        known = self._unsure.pop(sequence, None)
        if known is not None:
            self._lapsed(*known)
        else:
            self._dropped.append(sequence)

    def _lapsed(self, name: str, event: LastEvent) -> None:
        self._metrics.lapsed[name] += 1
        count, service = self._metrics.lapsed[name], self._consumers[name.partition(".")[0]]
        due = f"{event.event.due:%Y-%m-%dT%H:%M:%SZ}" if event.event else "an unknown time"
        _log.error(
            "event_lapsed",
            f"{name} has lost {count} events since this scheduler started, the last one due at {due}: the stream "
            f"keeps {EVENTS_KEPT}, and {service} was not done with it. Is {service} running?",
            schedule=name,
            due=due,
            count=count,
        )

    def _tell(self, why: str) -> None:
        if why != self._told:
            self._told = why
            _log.warning("lapses_unwatched", f"Cannot see whether events lapse: {why}")
