"""A scheduler whose clock is moved to and fro, in the process of the run."""

import asyncio
from datetime import UTC, datetime, timedelta

from nightshift.broker import Connection
from nightshift.heartbeat import Heartbeat
from nightshift.scheduler.announcing.announcer import Announcer
from nightshift.scheduler.announcing.lapses import Lapses
from nightshift.scheduler.cron.clock import SystemTime
from nightshift.scheduler.cron.schedule import schedule
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.state.cron_stream import CronStream, LastEvent
from tests.chaos.messages import EVENT_CONSUMERS

MOVED = "chaos.moved"


class MovedTime(SystemTime):
    """This machine's clock, off by as much as one likes."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        """Returns the wrong time."""
        return datetime.now(UTC) + self.off


class NotedLapses(Lapses):
    """Keeps what has lapsed."""

    noted: list[str]

    def _lapsed(self, name: str, event: LastEvent) -> None:
        super()._lapsed(name, event)
        if event.event is not None:
            self.noted.append(f"{name}@{event.event.due.astimezone(UTC).isoformat()}")


class MovedScheduler:
    """Announces `chaos.moved` every two seconds of its own time."""

    def __init__(self, connection: Connection) -> None:
        self.time = MovedTime()
        entry = schedule(MOVED, "*/2 * * * * *", "latest")
        stream, metrics = CronStream(connection), ScheduleMetrics([MOVED])
        self.lapses = NotedLapses(connection, stream, metrics, EVENT_CONSUMERS)
        self.lapses.noted = []
        self._announcer = Announcer([entry], stream, time=self.time, metrics=metrics, lapses=self.lapses)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to announce."""
        self._task = asyncio.create_task(self._announcer.run(self._stop, Heartbeat()))

    async def stop(self) -> None:
        """Ends; raises what it may have met."""
        self._stop.set()
        if self._task is not None:
            await self._task
