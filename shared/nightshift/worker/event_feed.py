"""Tells what becomes of jobs on `events.<service>`, many in one message.

At once while there is little to tell, ten times a second under load. Nobody waits for the broker: a telling costs a job
next to nothing, and what is told while the broker is away is lost.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from nightshift.broker import Connection
from nightshift.broker.parser import Receive
from nightshift.contract import wire
from nightshift.contract.job_events import MAX_EVENTS, JobEvent, JobEvents
from nightshift.instants import utc_now
from nightshift.topology.discovery import ASK

_SOON_SECONDS, _LATER_SECONDS, _SECONDS_EACH = 0.01, 0.1, 0.0005
"""Between two tellings: at least, at most, and for each job that ended; from 2,000 a second on it is the most.

A group of jobs that commits together is no load yet: somebody may wait for each of them.
"""
_ROOM_BYTES = 1024
"""For what the broker counts beside the body."""
_encode = msgspec.json.Encoder().encode


class EventFeed:
    """Gathers events of one service's worker, and publishes them in the order in which they were told."""

    def __init__(self, service: str, connection: Connection, *, now: Callable[[], datetime] = utc_now) -> None:
        self._subject, self._connection, self._now = wire.events_subject(service).encode(), connection, now
        self._gathered: list[JobEvent] = []
        self._is_due, self._not_before, self._ended = False, 0.0, 0

    async def answer(self, receive: Receive) -> None:
        """Have whoever asks how far a job is heard by `receive`, which tells it if it knows."""
        await self._connection.listen(ASK, receive)

    def tell(self, event: JobEvent) -> None:
        """Add an event of a job that goes on to the next message."""
        self._gathered.append(event)
        self._flush_soon()

    def tell_ended(self, events: Iterable[JobEvent]) -> None:
        """Add the ends of attempts, in order."""
        before = len(self._gathered)
        self._gathered.extend(events)
        self._ended += len(self._gathered) - before
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            loop = asyncio.get_running_loop()
            loop.call_at(max(self._not_before, loop.time()), self.flush)

    def flush(self) -> None:
        """Publish what was gathered."""
        events, self._gathered, self._is_due = self._gathered, [], False
        # Many that have begun come together once a second, and delay nobody's end.
        ended, self._ended = len(events) if len(events) > MAX_EVENTS else self._ended, 0
        pause = min(max(_SOON_SECONDS, ended * _SECONDS_EACH), _LATER_SECONDS)
        self._not_before = asyncio.get_running_loop().time() + pause
        if not self._connection.up.is_set():  # kept until the reconnect they would be old, and their number unbounded
            return
        for first in range(0, len(events), MAX_EVENTS):
            self._send(events[first : first + MAX_EVENTS])

    def _send(self, events: Sequence[JobEvent]) -> None:
        """Publish events as one message, or as several where ids and tenants are long: the broker would hang up."""
        told = _encode(JobEvents(at=self._now(), events=tuple(events)))
        if len(told) > self._connection.max_payload - _ROOM_BYTES and len(events) > 1:
            half = len(events) // 2
            self._send(events[:half])
            self._send(events[half:])
        else:
            self._connection.send(self._subject, told)
