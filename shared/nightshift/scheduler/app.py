"""The scheduler as a process: connection, health, announcer, and a clean end."""

import asyncio
from typing import Any

from nightshift.broker import Connection
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.runtime.process_frame import open_frame
from nightshift.runtime.supervisor import Supervisor, until_lost
from nightshift.scheduler.announcing.announcer import Announcer
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.settings import SchedulerSettings
from nightshift.scheduler.state.cron_stream import CronStream
from nightshift.topology.discovery import describe_self
from nightshift.worker import gc_tuning

_LAST_SECONDS = 20.0
"""For the announcements in flight: each is answered, or given up, within seconds."""
_log = get_logger("scheduler")


async def serve(
    settings: SchedulerSettings,
    timetable: tuple[Schedule, ...],
    stop: asyncio.Event,
    *,
    supervision: type[Supervisor] = Supervisor,
) -> int:
    """Announce until `stop` is set; return the exit code, 1 if something has failed.

    Raises:
        SettingsError: the health port cannot be had.
    """
    metrics = Metrics()
    schedule_metrics = ScheduleMetrics(schedule.name for schedule in timetable)
    metrics.registry.register(schedule_metrics)
    async with open_frame("scheduler", settings, stop, metrics, supervision=supervision) as frame:
        connection = await frame.connect()
        if connection is None:
            return frame.supervisor.exit_code
        frame.supervisor.start("connection", lambda _: until_lost(connection))
        stream = CronStream(connection, frame.tracing)
        announcer = Announcer(timetable, stream, metrics=schedule_metrics)
        frame.checks.ready("announcer", _readiness(connection, announcer))
        gc_tuning.freeze()
        me = describe_self("scheduler", frame.health.url)
        await frame.answer_discovery(connection, lambda: me)
        announcing = frame.supervisor.start("announcer", lambda heartbeat: announcer.run(stop, heartbeat))
        await stop.wait()
        frame.checks.drain()
        await asyncio.wait({announcing}, timeout=_LAST_SECONDS)
        _log.info("stopped", "scheduler has stopped")
    return frame.supervisor.exit_code


def _readiness(connection: Connection, announcer: Announcer) -> Any:
    async def ready() -> None:
        if not connection.up.is_set():
            raise Unavailable("broker", "not connected")
        if not announcer.loaded.is_set():
            raise Unavailable("broker", "the last events cannot be read yet")

    return ready
