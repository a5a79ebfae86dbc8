"""The scheduler as a process: connection, health, announcer, and a clean end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from nightshift.broker import Connection, connect
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.runtime.health import HealthServer
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.process import BROKEN, STOPPED, wait_unless_stopped
from nightshift.runtime.tracing import open_tracing
from nightshift.scheduler.announcing.announcer import Announcer
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.settings import SchedulerSettings
from nightshift.scheduler.state.cron_stream import CronStream
from nightshift.topology.discovery import Responder, describe_self
from nightshift.worker import gc_tuning

_log = get_logger("scheduler")


async def serve(settings: SchedulerSettings, timetable: tuple[Schedule, ...], stop: asyncio.Event) -> int:
    """Announce until asked to stop; return the exit code: 0 stopped, 1 the connection is gone for good.

    Raises:
        SettingsError: the health port cannot be had.
    """
    metrics, checks = Metrics(), Checks()
    schedule_metrics = ScheduleMetrics(schedule.name for schedule in timetable)
    metrics.registry.register(schedule_metrics)
    async with AsyncExitStack() as stack:
        health = stack.enter_context(HealthServer(settings.health_host, settings.health_port, metrics, checks))
        tracing = await stack.enter_async_context(open_tracing("scheduler", settings))
        await stack.enter_async_context(_background(checks.run()))
        _log.info("starting", f"scheduler starts; health at {health.url}", health=health.url)
        connecting = asyncio.create_task(connect(settings, name="scheduler"))
        if not await wait_unless_stopped(connecting, stop):
            return STOPPED
        connection = connecting.result()
        stack.push_async_callback(connection.close)
        stream = CronStream(connection, tracing)
        announcer = Announcer(timetable, stream, metrics=schedule_metrics)
        checks.ready("announcer", _readiness(connection, announcer))
        gc_tuning.freeze()
        me = describe_self("scheduler", health.url)
        responder = Responder(connection, lambda: me)
        await responder.start()
        await stack.enter_async_context(_background(responder.run()))
        return await _announce(announcer, connection, checks, stop)


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine beside the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _announce(announcer: Announcer, connection: Connection, checks: Checks, stop: asyncio.Event) -> int:
    finished = await wait_unless_stopped(announcer.run(stop), connection.closed)
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
        if not announcer.loaded.is_set():
            raise Unavailable("broker", "the last events cannot be read yet")

    return ready
