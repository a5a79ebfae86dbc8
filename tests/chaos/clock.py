"""A scheduler whose clock is moved to and fro, in the process of the run."""

import asyncio
from datetime import UTC, datetime, timedelta

from nightshift.broker import Connection
from nightshift.heartbeat import Heartbeat
from nightshift.scheduler.announcing.announcer import Announcer
from nightshift.scheduler.cron.clock import SystemClock
from nightshift.scheduler.cron.schedule import schedule
from nightshift.scheduler.state.cron_stream import CronStream

MOVED = "chaos.moved"


class MovedClock(SystemClock):
    """This machine's clock, off by as much as one likes."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        """Returns the wrong time."""
        return datetime.now(UTC) + self.off


class MovedScheduler:
    """Announces `chaos.moved` every two seconds of its own time."""

    def __init__(self, connection: Connection) -> None:
        self.clock = MovedClock()
        entry = schedule(MOVED, "*/2 * * * * *", "latest")
        self._announcer = Announcer([entry], CronStream(connection), clock=self.clock)
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
