"""Announcers on a real broker, and a clock that a test turns by hand."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from nightshift.broker import BrokerRefusedError, Connection, direct_get
from nightshift.broker.jetstream import manage
from nightshift.contract.cron import ScheduleFired, event_subject
from nightshift.heartbeat import Heartbeat
from nightshift.scheduler.announcing.announcer import Announcer
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.state.cron_stream import CronStream, EventStream
from nightshift.topology.topology import CRON_PAUSED_STREAM, CRON_STREAM, Stream, topology

DEADLINE_SECONDS = 20
_NO_STORE = 10049
_STREAMS = (CRON_STREAM, CRON_PAUSED_STREAM)


class HandClock:
    """A clock that stands still until it is turned, and knows when every announcer has done what was due."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._turned = asyncio.Condition()
        self._resting: dict[asyncio.Event, datetime | None] = {}

    def now(self) -> datetime:
        """Returns the time that it was turned to."""
        return self._now

    async def wait(self, until: datetime | None, stop: asyncio.Event) -> None:
        """Waits until the clock is turned; at once when `until` has come."""
        if stop.is_set() or (until is not None and until <= self._now):
            await asyncio.sleep(0)
            return
        async with self._turned:
            self._resting[stop] = until
            self._turned.notify_all()
            await self._turned.wait_for(lambda: stop not in self._resting)

    async def wake(self, stop: asyncio.Event) -> None:
        """Lets an announcer that is to stop see it."""
        async with self._turned:
            self._resting.pop(stop, None)
            self._turned.notify_all()

    async def turn(self, to: datetime, announcers: int) -> None:
        """Sets the clock, and waits until so many announcers rest with nothing due any more."""
        async with self._turned:
            self._now = to
            self._resting.clear()
            self._turned.notify_all()
        await self.settle(announcers)

    async def settle(self, announcers: int) -> None:
        """Waits until so many announcers rest with nothing due."""
        async with asyncio.timeout(DEADLINE_SECONDS), self._turned:
            await self._turned.wait_for(lambda: len(self._resting) == announcers)


class Environment:
    """The stream CRON, made anew, the clock, and the announcers that a test runs."""

    def __init__(self, connections: Sequence[Connection], now: datetime) -> None:
        self.connections = connections
        self.clock = HandClock(now)
        self.announcers: list[Announcer] = []
        self.metrics: list[ScheduleMetrics] = []
        self._running: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    async def make_stream(self) -> None:
        """Makes the stream as the topology says, with nothing in it."""
        await self.drop_stream()
        for stream in topology((), {}).streams:
            if stream.name in _STREAMS:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    while not await self._created(stream):  # noqa: ASYNC110 - the broker gives no signal
                        await asyncio.sleep(0.01)

    async def _created(self, stream: Stream) -> bool:
        """The broker may still be removing the files of the one that was deleted."""
        try:
            await manage(self.connections[0], f"STREAM.CREATE.{stream.name}", stream.config(1))
        except BrokerRefusedError as refused:
            if refused.code != _NO_STORE:
                raise
            return False
        return True

    async def drop_stream(self) -> None:
        """Deletes the stream, if there is one."""
        names = (await manage(self.connections[0], "STREAM.NAMES")).get("streams") or []
        for name in (name for name in _STREAMS if name in names):
            await manage(self.connections[0], f"STREAM.DELETE.{name}")

    def start(self, timetable: Iterable[Schedule], stream: EventStream | None = None) -> Announcer:
        """Starts one more announcer, each on a connection of its own while they last."""
        entries, stop = tuple(timetable), asyncio.Event()
        connection = self.connections[len(self._running) % len(self.connections)]
        metrics = ScheduleMetrics(entry.name for entry in entries)
        events = CronStream(connection)
        announcer = Announcer(entries, stream or events, clock=self.clock, metrics=metrics)
        self.announcers.append(announcer)
        self.metrics.append(metrics)
        self._running.append((asyncio.create_task(announcer.run(stop, Heartbeat())), stop))
        return announcer

    async def started(self, *timetables: Iterable[Schedule]) -> None:
        """Starts an announcer for each timetable and waits until all rest."""
        for timetable in timetables:
            self.start(timetable)
        await self.clock.settle(len(self._running))

    async def pass_time(self, by: timedelta, *, steps: int = 1) -> None:
        """Turns the clock, in so many equal steps, and lets the announcers do what comes due."""
        for _ in range(steps):
            await self.clock.turn(self.clock.now() + by / steps, len(self._running))

    async def stop(self) -> None:
        """Stops all announcers; each ends by itself."""
        for _, stop in self._running:
            stop.set()
            await self.clock.wake(stop)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*(task for task, _ in self._running))
        self._running.clear()

    async def stop_one(self, place: int) -> None:
        """Stops the announcer that was started as number `place`, from 0."""
        task, stop = self._running.pop(place)
        stop.set()
        await self.clock.wake(stop)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await task

    async def due(self, name: str) -> list[datetime]:
        """The due times of the events in the stream, in its order."""
        found = await direct_get.read_all(self.connections[0], CRON_STREAM, event_subject(name))
        return [msgspec.json.decode(message.body, type=ScheduleFired).due.astimezone(UTC) for message in found]

    async def put(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Put something into the stream that no announcer wrote."""
        await self.connections[0].ask(subject, body, headers)

    async def headers(self, name: str) -> list[dict[str, str]]:
        """The headers of the events in the stream."""
        found = await direct_get.read_all(self.connections[0], CRON_STREAM, event_subject(name))
        return [message.headers for message in found]
