"""Runs a service: settings, connections, handlers, health, supervision, and a clean end."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from msgspec.structs import replace

from nightshift.broker import Connection
from nightshift.broker.storage_probe import StorageProbe
from nightshift.config.settings import Settings
from nightshift.contract.catalogue import load_catalogue
from nightshift.messaging.publisher import Publisher
from nightshift.objects.absent import AbsentObjectStore
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.runtime.composition import ServiceContext, WorkerParts, compose, database_of, notifications_of
from nightshift.runtime.object_stores import object_store_if_any, stored_in
from nightshift.runtime.process_frame import ProcessFrame, open_frame
from nightshift.runtime.supervisor import Supervisor, until_lost
from nightshift.topology.discovery import TypeCounts, WorkerInfo, describe_self
from nightshift.topology.topology import declared_topology
from nightshift.worker import gc_tuning
from nightshift.worker.finding import Finding
from nightshift.worker.policies import DEFAULT_POLICIES, JobLimits, Policies
from nightshift.worker.router import Route, check_complete
from nightshift.worker.stopping import Stopping
from nightshift.worker.worker import Worker

S = TypeVar("S", bound=Settings)
_log = get_logger("service")


Build = Callable[[S, ServiceContext], AbstractAsyncContextManager[Mapping[str, Route]]]
"""A service's composition root: opens what its handlers need, yields their routes by type, closes it again."""


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
    metrics = Metrics(load_catalogue(settings.contracts_package).types_of(name))
    async with open_frame(name, settings, stop, metrics, supervision=supervision) as frame:
        connection = await frame.connect()
        if connection is None:
            return frame.supervisor.exit_code
        context = _context(frame, settings, connection)
        routes = await frame.stack.enter_async_context(build(settings, context))
        parts = _compose(settings, context, routes, frame.supervisor, policies)
        frame.stack.push_async_callback(parts.circuit.stop)
        await _start(parts, context, frame)
        await _answer_questions(parts.worker, context, frame, slots=settings.slots)
        gc_tuning.freeze()
        _log.info("working", f"{name} works: {settings.slots} slots, {len(parts.pulls)} streams")
        await stop.wait()
        frame.checks.drain()
        await parts.worker.drain(0 if frame.supervisor.failed else settings.drain_grace_seconds)
        await parts.trimmer.finish()
        parts.news.flush()
        _log.info("stopped", f"{name} has stopped")
    return frame.supervisor.exit_code


def _context(frame: ProcessFrame, settings: Settings, connection: Connection) -> ServiceContext:
    database = database_of(settings)
    frame.stack.push_async_callback(database.close)
    objects = object_store_if_any(settings)
    frame.stack.push_async_callback(objects.close)
    publisher = Publisher(connection, stored_in(objects), tracing=frame.tracing)
    return ServiceContext(frame.name, connection, database, objects, publisher, frame.metrics, frame.tracing)


def _compose(
    settings: Settings,
    context: ServiceContext,
    routes: Mapping[str, Route],
    supervisor: Supervisor,
    policies: Policies,
) -> WorkerParts:
    catalogue = load_catalogue(settings.contracts_package)
    check_complete(context.name, routes, catalogue.types_of(context.name))
    consumers = declared_topology(catalogue).consumers_of(context.name)
    limits = JobLimits(settings.max_retries, settings.job_timeout_seconds)
    return compose(
        context,
        routes,
        consumers,
        slots=settings.slots,
        limits=limits,
        policies=policies,
        notifications=notifications_of(context.name, context.database, settings),
        spawn=supervisor.spawn,
    )


async def _start(parts: WorkerParts, context: ServiceContext, frame: ProcessFrame) -> None:
    frame.checks.ready("broker", parts.watch.ask)
    frame.checks.ready("storage", StorageProbe(context.connection, context.name).check)
    frame.checks.ready("database", context.database.probe)
    if not isinstance(context.objects, AbsentObjectStore):
        frame.checks.ready("objects", context.objects.probe)
    for component, probe in context.resources.items():
        frame.checks.ready(component, probe)
    await _try_to_write(parts, context)
    await parts.news.listen()
    await Stopping(context.name, context.connection, parts.worker, parts.news).listen()
    await Finding(context.name, context.connection, context.database).listen()
    await parts.worker.start(parts.pulls)
    for name, loop in parts.loops().items():
        frame.supervisor.start(name, loop)
    frame.supervisor.start("connection", lambda _: until_lost(context.connection))


async def _try_to_write(parts: WorkerParts, context: ServiceContext) -> None:
    """Keep the worker from pulling while nothing can be committed: what a handler does outside is not undone.

    Else each start of a worker beside a full disk would send every mail that waits once more.
    """
    try:
        await context.database.probe()
    except Unavailable as unavailable:
        parts.circuit.trip(unavailable)


async def _answer_questions(worker: Worker, context: ServiceContext, frame: ProcessFrame, *, slots: int) -> None:
    """Answer the operator who asks which workers there are."""
    me = describe_self(context.name, frame.health.url)

    def now() -> WorkerInfo:
        types = {name: TypeCounts(*counts) for name, counts in context.metrics.by_type().items()}
        finished = context.metrics.finished
        return replace(me, slots=slots, in_flight=worker.in_flight, finished=finished, types=types)

    await frame.answer_discovery(context.connection, now, context.dependencies.check)
