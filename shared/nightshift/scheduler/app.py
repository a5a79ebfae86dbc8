"""The scheduler as a process: connection, health, announcer, and a clean end."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from nightshift.broker import Connection, connect
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.health_server import HealthServer
from nightshift.runtime.process import wait_unless_stopped
from nightshift.runtime.supervisor import Supervisor, until_lost
from nightshift.runtime.tracing import open_tracing
from nightshift.scheduler.announcing.announcer import Announcer
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.settings import SchedulerSettings
from nightshift.scheduler.state.cron_stream import CronStream
from nightshift.topology.discovery import Responder, describe_self
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
    metrics, checks = Metrics(), Checks()
    schedule_metrics = ScheduleMetrics(schedule.name for schedule in timetable)
    metrics.registry.register(schedule_metrics)
    async with AsyncExitStack() as stack:
        supervisor = supervision(stop, checks, stack)
        health = stack.enter_context(HealthServer(settings.health_host, settings.health_port, metrics, checks))
        tracing = await stack.enter_async_context(open_tracing("scheduler", settings))
        supervisor.start("health checks", lambda _: checks.run())
        _log.info("starting", f"scheduler starts; health at {health.url}", health=health.url)
        connecting = asyncio.create_task(connect(settings, name="scheduler"))
        if not await wait_unless_stopped(connecting, stop):
            return supervisor.exit_code
        connection = connecting.result()
        stack.push_async_callback(connection.close)
        supervisor.start("connection", lambda _: until_lost(connection))
        stream = CronStream(connection, tracing)
        announcer = Announcer(timetable, stream, metrics=schedule_metrics)
        checks.ready("announcer", _readiness(connection, announcer))
        gc_tuning.freeze()
        me = describe_self("scheduler", health.url)
        responder = Responder(connection, lambda: me)
        await responder.start()
        supervisor.start("discovery", responder.run)
        announcing = supervisor.start("announcer", lambda heartbeat: announcer.run(stop, heartbeat))
        await stop.wait()
        checks.drain()
        await asyncio.wait({announcing}, timeout=_LAST_SECONDS)
        _log.info("stopped", "scheduler has stopped")
    return supervisor.exit_code


def _readiness(connection: Connection, announcer: Announcer) -> Any:
    async def ready() -> None:
        if not connection.up.is_set():
            raise Unavailable("broker", "not connected")
        if not announcer.loaded.is_set():
            raise Unavailable("broker", "the last events cannot be read yet")

    return ready
