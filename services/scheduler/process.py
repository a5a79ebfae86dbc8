"""The scheduler as a process: connection, health, announcer, and a clean end."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

from services.scheduler.announcer import Announcer
from services.scheduler.metrics import ScheduleMetrics
from services.scheduler.schedule import Schedule
from services.scheduler.settings import SchedulerSettings
from services.scheduler.stream import CronStream
from shared.broker import Connection, connect
from shared.checks import Checks
from shared.health import HealthServer
from shared.log import get_logger
from shared.outcomes import Unavailable
from shared.telemetry import Metrics

_log = get_logger("scheduler")


async def serve(settings: SchedulerSettings, timetable: tuple[Schedule, ...]) -> int:
    """Announces until SIGTERM or Ctrl-C; returns the exit code: 0 stopped, 1 the connection is gone for good.

    Raises:
        SettingsError: the health port cannot be had.
    """
    stop = _stop_signal()
    metrics, checks = Metrics(), Checks()
    schedule_metrics = ScheduleMetrics(schedule.name for schedule in timetable)
    metrics.registry.register(schedule_metrics)
    with HealthServer(settings.health_host, settings.health_port, metrics, checks) as health:
        _log.info("starting", f"scheduler starts; health at {health.url}", health=health.url)
        connecting = asyncio.create_task(connect(settings, name="scheduler"))
        await _either(connecting, stop.wait())
        if stop.is_set():
            return 0
        connection = connecting.result()
        announcer = Announcer(timetable, CronStream(connection), metrics=schedule_metrics)
        checks.ready("announcer", _readiness(connection, announcer))
        try:
            return await _announce(announcer, connection, checks, stop)
        finally:
            await connection.close()


async def _announce(announcer: Announcer, connection: Connection, checks: Checks, stop: asyncio.Event) -> int:
    checking = asyncio.create_task(checks.run())
    announcing = asyncio.create_task(announcer.run(stop))
    await _either(announcing, connection.closed.wait())
    if not announcing.done():
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
    checks.drain()
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)
    if not announcing.cancelled():
        announcing.result()
        _log.info("stopped", "scheduler has stopped")
        return 0
    _log.error("connection_closed", "The connection to the broker is gone for good: ending, to be started anew")
    return 1


def _readiness(connection: Connection, announcer: Announcer) -> Any:
    async def ready() -> None:
        if not connection.up.is_set():
            raise Unavailable("broker", "not connected")
        if not announcer.recalled.is_set():
            raise Unavailable("broker", "the last events cannot be read yet")

    return ready


async def _either(first: "asyncio.Task[Any]", other: Coroutine[Any, Any, Any]) -> None:
    """Waits for either; the other is cancelled."""
    waiting = asyncio.create_task(other)
    await asyncio.wait({first, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    return stop
