"""The scheduler as a process: connection, health, announcer, and a clean end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from services.scheduler.announcer import Announcer
from services.scheduler.lapses import Lapses
from services.scheduler.metrics import ScheduleMetrics
from services.scheduler.schedule import Schedule
from services.scheduler.settings import SchedulerSettings
from services.scheduler.stream import CronStream
from shared import memory
from shared.broker import Connection, connect
from shared.checks import Checks
from shared.health import HealthServer
from shared.lifetime import BROKEN, STOPPED, came_first
from shared.log import get_logger
from shared.outcomes import Unavailable
from shared.presence import answer, myself
from shared.telemetry import Metrics
from shared.tracing import tracing

_log = get_logger("scheduler")


async def serve(settings: SchedulerSettings, timetable: tuple[Schedule, ...], stop: asyncio.Event) -> int:
    """Announces until asked to stop; returns the exit code: 0 stopped, 1 the connection is gone for good.

    Raises:
        SettingsError: the health port cannot be had.
    """
    metrics, checks = Metrics(), Checks()
    schedule_metrics = ScheduleMetrics(schedule.name for schedule in timetable)
    metrics.registry.register(schedule_metrics)
    async with AsyncExitStack() as stack:
        health = stack.enter_context(HealthServer(settings.health_host, settings.health_port, metrics, checks))
        spans = await stack.enter_async_context(tracing("scheduler", settings))
        await stack.enter_async_context(_fresh(checks))
        _log.info("starting", f"scheduler starts; health at {health.url}", health=health.url)
        connecting = asyncio.create_task(connect(settings, name="scheduler"))
        if not await came_first(connecting, stop):
            return STOPPED
        connection = connecting.result()
        stack.push_async_callback(connection.close)
        stream = CronStream(connection, spans)
        lapses = Lapses(connection, stream, schedule_metrics)
        announcer = Announcer(timetable, stream, metrics=schedule_metrics, lapses=lapses)
        checks.ready("announcer", _readiness(connection, announcer))
        memory.settle()
        me = myself("scheduler", health.url)
        await answer(connection, lambda: me)
        return await _announce(announcer, connection, checks, stop)


@asynccontextmanager
async def _fresh(checks: Checks) -> AsyncIterator[None]:
    """Keeps the checks going, from before there is a broker: who waits for it is alive."""
    checking = asyncio.create_task(checks.run())
    try:
        yield
    finally:
        checking.cancel()
        await asyncio.gather(checking, return_exceptions=True)


async def _announce(announcer: Announcer, connection: Connection, checks: Checks, stop: asyncio.Event) -> int:
    finished = await came_first(announcer.run(stop), connection.closed)
    checks.drain()
    if finished:
        _log.info("stopped", "scheduler has stopped")
        return STOPPED
    _log.error("connection_closed", "The connection to the broker is gone for good: ending, to be started anew")
    return BROKEN


def _readiness(connection: Connection, announcer: Announcer) -> Any:
    async def ready() -> None:
        if not connection.up.is_set():
            raise Unavailable("broker", "not connected")
        if not announcer.recalled.is_set():
            raise Unavailable("broker", "the last events cannot be read yet")

    return ready
