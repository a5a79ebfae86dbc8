"""Puts a worker together from its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift.broker import Connection
from nightshift.database import Database
from nightshift.housekeeping.loop import Chores
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.objects import S3ObjectStore
from nightshift.observability.metrics import Metrics
from nightshift.topology.topology import Consumer
from nightshift.worker.circuit_breaker import Circuit
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import LastLives
from nightshift.worker.pipeline import Limits, Pipeline
from nightshift.worker.pull import Pull
from nightshift.worker.router import Route
from nightshift.worker.settlement import Settler
from nightshift.worker.worker import Worker

if TYPE_CHECKING:
    from nightshift.runtime.spans import Spans


@dataclass(slots=True, frozen=True)
class Chassis:
    """What every service stands on, for its handlers to be built from."""

    name: str
    connection: Connection
    database: Database
    objects: S3ObjectStore
    publisher: Publisher
    metrics: Metrics
    spans: "Spans | None" = None
    """None while tracing is off."""


@dataclass(slots=True, frozen=True)
class Assembly:
    """A worker and what belongs to it."""

    worker: Worker
    pulls: Sequence[Pull]
    chores: Chores
    circuit: Circuit


def assemble(
    chassis: Chassis, table: Mapping[str, Route], consumers: Sequence[Consumer], *, slots: int, limits: Limits
) -> Assembly:
    """Builds a worker that has these routes and pulls these consumers; nothing runs yet."""
    committer, outbox = Committer(chassis.database), Outbox(chassis.name, chassis.database, chassis.publisher)

    async def broker() -> None:
        await chassis.connection.up.wait()

    circuit = Circuit(
        {"database": chassis.database.probe, "objects": chassis.objects.probe, "broker": broker}, chassis.metrics
    )
    chores = Chores(
        chassis.name,
        consumers,
        connection=chassis.connection,
        database=chassis.database,
        outbox=outbox,
        publisher=chassis.publisher,
    )
    settler = Settler(
        chassis.publisher,
        committer=committer,
        outbox=outbox,
        objects=chassis.objects,
        circuit=circuit,
        metrics=chassis.metrics,
        refused=chores.refused,
    )
    pipeline = Pipeline(
        chassis.name,
        table,
        committer=committer,
        outbox=outbox,
        objects=chassis.objects,
        settler=settler,
        last_lives=LastLives(chassis.name, chassis.database),
        circuit=circuit,
        metrics=chassis.metrics,
        limits=limits,
        spans=chassis.spans,
    )
    worker = Worker(pipeline, circuit, slots=slots)
    circuit.on_close = worker.ask
    pulls = [Pull(chassis.connection, consumer.stream, consumer.name, worker.receive) for consumer in consumers]
    chassis.connection.on_reconnect.extend(pull.renew for pull in pulls)
    return Assembly(worker, pulls, chores, circuit)
