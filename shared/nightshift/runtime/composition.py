"""Puts a worker together from its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightshift.broker import Connection
from nightshift.database import Database
from nightshift.housekeeping.loop import Housekeeping
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.observability.metrics import Metrics
from nightshift.runtime.dependencies import Dependencies
from nightshift.topology.topology import Consumer
from nightshift.worker.assembly import build_pipeline
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.policies import DEFAULT_POLICIES, JobLimits, Policies
from nightshift.worker.pull import Pull
from nightshift.worker.router import Route
from nightshift.worker.worker import Worker

if TYPE_CHECKING:
    from nightshift.objects.s3 import S3ObjectStore


@dataclass(slots=True, frozen=True)
class ServiceContext:
    """What every service stands on, for its handlers to be built from."""

    name: str
    connection: Connection
    database: Database
    objects: "S3ObjectStore"
    publisher: Publisher
    metrics: Metrics
    tracing: Tracing = NO_TRACING
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
    context: ServiceContext,
    table: Mapping[str, Route],
    consumers: Sequence[Consumer],
    *,
    slots: int,
    limits: JobLimits,
    policies: Policies = DEFAULT_POLICIES,
) -> WorkerParts:
    """Builds a worker that has these routes and pulls these consumers; nothing runs yet."""
    outbox = Outbox(context.name, context.database, context.publisher)

    async def broker() -> None:
        await context.connection.up.wait()

    circuit = CircuitBreaker(
        {"database": context.database.probe, "objects": context.objects.probe, "broker": broker},
        context.metrics,
        policies,
    )
    chores = Housekeeping(
        context.name,
        consumers,
        connection=context.connection,
        database=context.database,
        outbox=outbox,
        publisher=context.publisher,
    )
    pipeline = build_pipeline(
        context.name,
        table,
        database=context.database,
        objects=context.objects,
        publisher=context.publisher,
        outbox=outbox,
        circuit=circuit,
        metrics=context.metrics,
        limits=limits,
        on_refused=chores.refused,
        policies=policies,
        tracing=context.tracing,
    )
    worker = Worker(pipeline, circuit, slots=slots, policies=policies)
    circuit.on_close = worker.request
    pulls = [Pull(context.connection, consumer.stream, consumer.name, worker.receive) for consumer in consumers]
    context.connection.on_reconnect.extend(pull.renew for pull in pulls)
    return WorkerParts(worker, pulls, chores, circuit)
