"""Puts a worker together from its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightshift.broker import Connection
from nightshift.database import Database
from nightshift.housekeeping.loop import Housekeeping
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.observability.metrics import Metrics
from nightshift.runtime.dependencies import Dependencies
from nightshift.topology.topology import Consumer
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.pipeline import JobLimits, Pipeline
from nightshift.worker.pull import Pull
from nightshift.worker.router import Route
from nightshift.worker.settlement import Settler
from nightshift.worker.worker import Worker

if TYPE_CHECKING:
    from nightshift.objects.s3 import S3ObjectStore
    from nightshift.runtime.spans import Spans


@dataclass(slots=True, frozen=True)
class ServiceContext:
    """What every service stands on, for its handlers to be built from."""

    name: str
    connection: Connection
    database: Database
    objects: "S3ObjectStore"
    publisher: Publisher
    metrics: Metrics
    spans: "Spans | None" = None
    """None while tracing is off."""
    dependencies: Dependencies = field(default_factory=Dependencies)
    """Where a service registers checks of what it needs outside, for `nightshift doctor`."""


@dataclass(slots=True, frozen=True)
class WorkerParts:
    """A worker and what belongs to it."""

    worker: Worker
    pulls: Sequence[Pull]
    chores: Housekeeping
    circuit: CircuitBreaker


def compose(
    context: ServiceContext, table: Mapping[str, Route], consumers: Sequence[Consumer], *, slots: int, limits: JobLimits
) -> WorkerParts:
    """Builds a worker that has these routes and pulls these consumers; nothing runs yet."""
    committer, outbox = Committer(context.database), Outbox(context.name, context.database, context.publisher)

    async def broker() -> None:
        await context.connection.up.wait()

    circuit = CircuitBreaker(
        {"database": context.database.probe, "objects": context.objects.probe, "broker": broker}, context.metrics
    )
    chores = Housekeeping(
        context.name,
        consumers,
        connection=context.connection,
        database=context.database,
        outbox=outbox,
        publisher=context.publisher,
    )
    settler = Settler(
        context.publisher,
        table,
        committer=committer,
        outbox=outbox,
        objects=context.objects,
        circuit=circuit,
        metrics=context.metrics,
        refused=chores.refused,
    )
    pipeline = Pipeline(
        context.name,
        table,
        committer=committer,
        outbox=outbox,
        objects=context.objects,
        settler=settler,
        last_lives=CrashLoopGuard(context.name, context.database),
        circuit=circuit,
        metrics=context.metrics,
        limits=limits,
        spans=context.spans,
    )
    worker = Worker(pipeline, circuit, slots=slots)
    circuit.on_close = worker.ask
    pulls = [Pull(context.connection, consumer.stream, consumer.name, worker.receive) for consumer in consumers]
    context.connection.on_reconnect.extend(pull.renew for pull in pulls)
    return WorkerParts(worker, pulls, chores, circuit)
