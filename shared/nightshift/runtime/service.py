"""Runs a service: settings, connections, handlers, health, supervision, and a clean end."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from msgspec.structs import replace

from nightshift.broker import Connection, connect
from nightshift.config.settings import Settings, SettingsError, describe, load
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired
from nightshift.messaging.publisher import Publisher
from nightshift.messaging.tracing import Tracing
from nightshift.observability.log import configure, get_logger
from nightshift.observability.metrics import Metrics
from nightshift.runtime.composition import ServiceContext, WorkerParts, compose, database_of, object_store
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.health_server import HealthServer
from nightshift.runtime.process import WRONG_SETTINGS, run_until_stopped, wait_unless_stopped
from nightshift.runtime.supervisor import Supervisor, until_lost
from nightshift.runtime.tracing import open_tracing
from nightshift.topology.discovery import Responder, TypeCounts, WorkerInfo, describe_self
from nightshift.topology.topology import declared_topology
from nightshift.worker import gc_tuning
from nightshift.worker.policies import DEFAULT_POLICIES, JobLimits, Policies
from nightshift.worker.router import Handlers, check_complete, routes
from nightshift.worker.worker import Worker

S = TypeVar("S", bound=Settings)
_log = get_logger("service")


Build = Callable[[S, ServiceContext], AbstractAsyncContextManager[Handlers]]
"""A service's composition root: opens what its handlers need, yields them, closes it again."""


def run(name: str, settings_type: type[S], build: Build[S], policies: Policies = DEFAULT_POLICIES) -> int:
    """Run a service until SIGTERM or Ctrl-C; return the exit code: 0 stopped, 1 broken, 2 wrong settings."""
    _parser(name, settings_type).parse_args()
    try:
        settings = load(settings_type, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before logging is configured
        return WRONG_SETTINGS
    configure(name, settings.log_format, settings.log_level)
    return run_until_stopped(lambda stop: serve(name, settings, build, stop, policies=policies))


def _parser(name: str, settings_type: type[Settings]) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"python -m services.{name}",
        description=f"Runs the jobs of the service {name} until SIGTERM or Ctrl-C. Any number of processes may run.",
        epilog=f"example: SLOTS=20 python -m services.{name}\n\nsettings, from the environment:\n\n"
        f"{describe(settings_type)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


async def serve(
    name: str,
    settings: S,
    build: Build[S],
    stop: asyncio.Event,
    *,
    policies: Policies = DEFAULT_POLICIES,
    supervision: type[Supervisor] = Supervisor,
) -> int:
    """Run a service on this event loop until `stop` is set; return the exit code, 1 if something has failed."""
    metrics, checks = Metrics(load_catalogue(settings.contracts_package).types_of(name)), Checks()
    async with AsyncExitStack() as stack:
        supervisor = supervision(stop, checks, stack)
        health = stack.enter_context(HealthServer(settings.health_host, settings.health_port, metrics, checks))
        supervisor.start("health checks", lambda _: checks.run())
        _log.info("starting", f"{name} starts; health at {health.url}", health=health.url)
        traced = await stack.enter_async_context(open_tracing(name, settings))
        connecting = asyncio.ensure_future(connect(settings, name=name))
        if not await wait_unless_stopped(connecting, stop):
            return supervisor.exit_code
        context = _context(stack, name, settings, connecting.result(), metrics, tracing=traced)
        handlers = await stack.enter_async_context(build(settings, context))
        parts = _compose(settings, context, handlers, supervisor, policies)
        stack.push_async_callback(parts.circuit.stop)
        await _start(parts, context, checks, supervisor)
        await _answer_questions(parts.worker, context, supervisor, slots=settings.slots, health=health.url)
        gc_tuning.freeze()
        _log.info("working", f"{name} works: {settings.slots} slots, {len(parts.pulls)} streams")
        await stop.wait()
        checks.drain()
        await parts.worker.drain(0 if supervisor.failed else settings.drain_grace_seconds)
        _log.info("stopped", f"{name} has stopped")
    return supervisor.exit_code


def _context(
    stack: AsyncExitStack,
    name: str,
    settings: Settings,
    connection: Connection,
    metrics: Metrics,
    *,
    tracing: Tracing,
) -> ServiceContext:
    stack.push_async_callback(connection.close)
    database = database_of(settings)
    stack.push_async_callback(database.close)
    objects = object_store(settings)
    stack.push_async_callback(objects.close)
    publisher = Publisher(connection, objects, tracing=tracing)
    return ServiceContext(name, connection, database, objects, publisher, metrics, tracing)


def _compose(
    settings: Settings, context: ServiceContext, handlers: Handlers, supervisor: Supervisor, policies: Policies
) -> WorkerParts:
    table = routes(handlers, ScheduleFired)
    catalogue = load_catalogue(settings.contracts_package)
    check_complete(context.name, table, catalogue.types_of(context.name))
    consumers = declared_topology(catalogue).consumers_of(context.name)
    limits = JobLimits(settings.max_retries, settings.job_timeout_seconds)
    return compose(
        context,
        table,
        consumers,
        slots=settings.slots,
        limits=limits,
        policies=policies,
        spawn=supervisor.spawn,
    )


async def _start(parts: WorkerParts, context: ServiceContext, checks: Checks, supervisor: Supervisor) -> None:
    checks.ready("broker", parts.watch.ask)
    checks.ready("database", context.database.probe)
    checks.ready("objects", context.objects.probe)
    await parts.worker.start(parts.pulls)
    for name, loop in parts.loops().items():
        supervisor.start(name, loop)
    supervisor.start("connection", lambda _: until_lost(context.connection))


async def _answer_questions(
    worker: Worker, context: ServiceContext, supervisor: Supervisor, *, slots: int, health: str
) -> None:
    """Answer the operator who asks which workers there are."""
    me = describe_self(context.name, health)

    def now() -> WorkerInfo:
        types = {name: TypeCounts(*counts) for name, counts in context.metrics.by_type().items()}
        finished = context.metrics.finished
        return replace(me, slots=slots, in_flight=worker.in_flight, finished=finished, types=types)

    responder = Responder(context.connection, now, context.dependencies.check)
    await responder.start()
    supervisor.start("discovery", responder.run)


@asynccontextmanager
async def plain(handlers: Handlers) -> AsyncIterator[Handlers]:
    """Yield handlers that need nothing to be opened, as a composition root."""
    yield handlers
