"""Runs a service: settings, connections, handlers, health, and a clean end."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from msgspec.structs import replace

from nightshift.broker import Connection, connect
from nightshift.config.settings import Settings, SettingsError, describe, load
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired
from nightshift.messaging.publisher import Publisher
from nightshift.messaging.tracing import Tracing
from nightshift.observability.log import configure, get_logger
from nightshift.observability.metrics import Metrics
from nightshift.runtime.composition import ServiceContext, compose
from nightshift.runtime.health import HealthServer
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.process import BROKEN, STOPPED, WRONG_SETTINGS, run_until_stopped, wait_unless_stopped
from nightshift.runtime.stores import database_of, object_store
from nightshift.runtime.tracing import open_tracing
from nightshift.topology.discovery import Responder, TypeCounts, WorkerInfo, describe_self
from nightshift.topology.topology import declared_topology
from nightshift.worker import gc_tuning
from nightshift.worker.policies import DEFAULT_POLICIES, JobLimits, Policies
from nightshift.worker.pull_watch import PullWatch
from nightshift.worker.router import Handlers, check_complete, routes
from nightshift.worker.worker import Worker

S = TypeVar("S", bound=Settings)
_log = get_logger("service")


Build = Callable[[S, ServiceContext], AbstractAsyncContextManager[Handlers]]
"""A service's composition root: opens what its handlers need, yields them, closes it again."""


def run(name: str, settings_type: type[S], build: Build[S], policies: Policies = DEFAULT_POLICIES) -> int:
    """Runs a service until SIGTERM or Ctrl-C; returns the exit code: 0 stopped, 1 broken, 2 wrong settings."""
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
        description=f"Works off the jobs of the service {name} until SIGTERM or Ctrl-C. Any number may run.",
        epilog=f"example: SLOTS=20 python -m services.{name}\n\nsettings, from the environment:\n\n"
        f"{describe(settings_type)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


async def serve(
    name: str, settings: S, build: Build[S], stop: asyncio.Event, *, policies: Policies = DEFAULT_POLICIES
) -> int:
    """Runs a service on this event loop until it is asked to stop."""
    metrics, checks = Metrics(load_catalogue(settings.contracts_package).types_of(name)), Checks()
    async with AsyncExitStack() as stack:
        health = stack.enter_context(HealthServer(settings.health_host, settings.health_port, metrics, checks))
        _background(stack, checks.run())
        _log.info("starting", f"{name} starts; health at {health.url}", health=health.url)
        traced = await stack.enter_async_context(open_tracing(name, settings))
        connecting = asyncio.ensure_future(connect(settings, name=name))
        if not await wait_unless_stopped(connecting, stop):
            return STOPPED
        context = await _chassis(stack, name, settings, connecting.result(), metrics, tracing=traced)
        handlers = await stack.enter_async_context(build(settings, context))
        worker = await _worker(stack, settings, context, checks, handlers, policies=policies)
        await _be_present(stack, context, worker, settings.slots, health.url)
        gc_tuning.freeze()
        _log.info("working", f"{name} works: {settings.slots} slots, {len(worker.pulls)} streams")
        stopped = await wait_unless_stopped(stop.wait(), context.connection.closed)
        checks.drain()
        await worker.drain(settings.drain_grace_seconds if stopped else 0)
        if not stopped:
            _log.error("connection_closed", "The connection to the broker is gone for good: ending, to be started anew")
        _log.info("stopped", f"{name} has stopped")
        return STOPPED if stopped else BROKEN


async def _chassis(
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


async def _worker(
    stack: AsyncExitStack,
    settings: Settings,
    context: ServiceContext,
    checks: Checks,
    handlers: Handlers,
    *,
    policies: Policies,
) -> Worker:
    table = routes(handlers, ScheduleFired)
    catalogue = load_catalogue(settings.contracts_package)
    check_complete(context.name, table, catalogue.types_of(context.name))
    consumers = declared_topology(catalogue).consumers_of(context.name)
    limits = JobLimits(settings.max_retries, settings.job_timeout_seconds)
    parts = compose(context, table, consumers, slots=settings.slots, limits=limits, policies=policies)
    stack.push_async_callback(parts.circuit.stop)
    watch = PullWatch(parts.pulls, context.connection, parts.circuit, context.metrics)
    checks.ready("broker", watch.ask)
    checks.ready("database", context.database.probe)
    checks.ready("objects", context.objects.probe)
    await parts.worker.start(parts.pulls)
    _background(stack, parts.chores.run())
    _background(stack, watch.run())
    return parts.worker


async def _be_present(stack: AsyncExitStack, context: ServiceContext, worker: Worker, slots: int, health: str) -> None:
    """Answers the operator who asks which workers there are."""
    me = describe_self(context.name, health)

    def now() -> WorkerInfo:
        types = {name: TypeCounts(*counts) for name, counts in context.metrics.by_type().items()}
        finished = context.metrics.finished
        return replace(me, slots=slots, in_flight=worker.in_flight, finished=finished, types=types)

    responder = Responder(context.connection, now, context.dependencies.check)
    await responder.start()
    _background(stack, responder.run())


def _background(stack: AsyncExitStack, work: Any) -> None:
    task = asyncio.ensure_future(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


@asynccontextmanager
async def plain(handlers: Handlers) -> AsyncIterator[Handlers]:
    """The composition root of a service whose handlers need nothing to be opened."""
    yield handlers
