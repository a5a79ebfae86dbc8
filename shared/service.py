"""Runs a service: settings, connections, handlers, health, and a clean end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from contracts.cron import ScheduleFired
from contracts.message import CATALOGUE
from shared.assembly import Chassis, assemble
from shared.broker import Connection, connect
from shared.broker.jetstream import manage
from shared.catalogue import load_catalogue
from shared.checks import Checks
from shared.database import open_database
from shared.health import HealthServer
from shared.log import configure, flush, get_logger
from shared.pipeline import Limits
from shared.publisher import Publisher
from shared.pull import Pull
from shared.routes import Handlers, check_complete, routes
from shared.settings import Settings, SettingsError, load
from shared.stores import object_store
from shared.telemetry import Metrics
from shared.topology import topology
from shared.worker import Worker

S = TypeVar("S", bound=Settings)
_log = get_logger("service")


Build = Callable[[S, Chassis], AbstractAsyncContextManager[Handlers]]
"""A service's composition root: opens what its handlers need, yields them, closes it again."""


def run(name: str, settings_type: type[S], build: Build[S]) -> int:
    """Runs a service until SIGTERM or Ctrl-C; returns the exit code: 0 stopped, 1 broken, 2 wrong settings."""
    try:
        settings = load(settings_type, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before logging is configured
        return 2
    configure(name, settings.log_format, settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            return runner.run(serve(name, settings, build))
        except SettingsError as error:
            _log.error("wrong_settings", str(error))
            return 2
        except KeyboardInterrupt:
            return 130
        finally:
            flush()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - it does not exist on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


async def serve(name: str, settings: S, build: Build[S]) -> int:
    """Runs a service on this event loop until a signal asks it to stop."""
    stop = _stop_signal()
    metrics, checks = Metrics(_types(name)), Checks()
    async with AsyncExitStack() as stack:
        health = stack.enter_context(HealthServer(settings.health_host, settings.health_port, metrics, checks))
        _background(stack, checks.run())
        _log.info("starting", f"{name} starts; health at {health.url}", health=health.url)
        connecting = asyncio.ensure_future(connect(settings, name=name))
        if not await _first(connecting, stop):
            return 0
        chassis = await _chassis(stack, name, settings, connecting.result(), metrics)
        handlers = await stack.enter_async_context(build(settings, chassis))
        worker = await _worker(stack, settings, chassis, checks, handlers)
        _log.info("working", f"{name} works: {settings.slots} slots, {len(worker.pulls)} streams")
        stopped = await _first(asyncio.ensure_future(stop.wait()), chassis.connection.closed)
        checks.drain()
        await worker.drain(settings.drain_grace_seconds if stopped else 0)
        if not stopped:
            _log.error("connection_closed", "The connection to the broker is gone for good: ending, to be started anew")
        _log.info("stopped", f"{name} has stopped")
        return 0 if stopped else 1


async def _chassis(
    stack: AsyncExitStack, name: str, settings: Settings, connection: Connection, metrics: Metrics
) -> Chassis:
    stack.push_async_callback(connection.close)
    database = open_database(settings.database_url.reveal())
    stack.push_async_callback(database.close)
    objects = object_store(settings)
    stack.push_async_callback(objects.close)
    return Chassis(name, connection, database, objects, Publisher(connection, objects), metrics)


async def _worker(
    stack: AsyncExitStack, settings: Settings, chassis: Chassis, checks: Checks, handlers: Handlers
) -> Worker:
    table = routes(handlers, ScheduleFired)
    check_complete(chassis.name, table)
    consumers = topology(CATALOGUE, load_catalogue()).consumers_of(chassis.name)
    limits = Limits(settings.max_retries, settings.job_timeout_seconds)
    parts = assemble(chassis, table, consumers, slots=settings.slots, limits=limits)
    stack.push_async_callback(parts.circuit.stop)
    _readiness(checks, chassis, parts.pulls)
    await parts.worker.start(parts.pulls)
    _background(stack, parts.chores.run())
    return parts.worker


def _readiness(checks: Checks, chassis: Chassis, pulls: Sequence[Pull]) -> None:
    async def broker() -> None:
        for pull in pulls:
            await manage(chassis.connection, f"CONSUMER.INFO.{pull.stream}.{pull.consumer}", timeout_seconds=3)

    checks.ready("broker", broker)
    checks.ready("database", chassis.database.probe)
    checks.ready("objects", chassis.objects.probe)


def _types(name: str) -> list[str]:
    load_catalogue()
    return [job_type for job_type in CATALOGUE if job_type.startswith(f"{name}.")]


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    return stop


def _background(stack: AsyncExitStack, work: Any) -> None:
    task = asyncio.ensure_future(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


async def _first(awaited: "asyncio.Future[Any]", other: asyncio.Event) -> bool:
    """Waits for either; True when the first one came, else it is cancelled."""
    waiting = asyncio.ensure_future(other.wait())
    await asyncio.wait({awaited, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if awaited.done():
        return True
    awaited.cancel()
    await asyncio.gather(awaited, return_exceptions=True)
    return False


@asynccontextmanager
async def plain(handlers: Handlers) -> AsyncIterator[Handlers]:
    """The composition root of a service whose handlers need nothing to be opened."""
    yield handlers
