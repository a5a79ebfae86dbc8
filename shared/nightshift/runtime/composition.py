"""The composition root of the library: opens what the settings name, and puts a worker together from its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from nightshift.broker import Connection
from nightshift.config.datastore_settings import database_url
from nightshift.config.listen_urls import listen_url
from nightshift.config.settings import ServerSettings, Settings
from nightshift.database import Database, PoolLimits, open_database
from nightshift.database.notifications import Notifications, listen
from nightshift.housekeeping.enqueued import EnqueuedRelay
from nightshift.housekeeping.loop import DEFAULT_TIMING, Housekeeping, Timing, sweep_of
from nightshift.housekeeping.trimming import Trimmer
from nightshift.messaging.enqueued import EnqueuedRows
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.observability.metrics import Metrics
from nightshift.runtime.dependencies import Dependencies
from nightshift.runtime.supervisor import BackgroundLoop
from nightshift.topology.bulk_queue import is_queue
from nightshift.topology.consumer import Consumer
from nightshift.worker.assembly import build_pipeline
from nightshift.worker.circuit_breaker import CircuitBreaker, Probe, Spawn, spawn_task
from nightshift.worker.job_news import JobNews, news_of
from nightshift.worker.policies import DEFAULT_POLICIES, JobLimits, Policies
from nightshift.worker.pull import Pull
from nightshift.worker.pull_watch import PullWatch
from nightshift.worker.router import Route
from nightshift.worker.worker import Worker

if TYPE_CHECKING:
    from nightshift.objects.absent import AbsentObjectStore
    from nightshift.objects.s3 import S3ObjectStore


@dataclass(slots=True, frozen=True)
class ServiceContext:
    """The resources of a service, from which its handlers are built."""

    name: str
    connection: Connection
    database: Database
    objects: "S3ObjectStore | AbsentObjectStore"
    publisher: Publisher
    metrics: Metrics
    tracing: Tracing = NO_TRACING
    dependencies: Dependencies = field(default_factory=Dependencies)
    """Where a service registers checks of what it depends on outside, for `nightshift doctor`."""
    resources: dict[str, Probe] = field(default_factory=dict)
    """What else its jobs wait for, by the component's name in `Unavailable`: while one fails, nothing is pulled."""


@dataclass(slots=True, frozen=True)
class WorkerParts:
    """A worker and what runs beside it."""

    worker: Worker
    pulls: Sequence[Pull]
    housekeeping: Housekeeping
    enqueued: EnqueuedRelay
    trimmer: Trimmer
    circuit: CircuitBreaker
    watch: PullWatch
    news: JobNews

    def loops(self) -> dict[str, BackgroundLoop]:
        """Return the background loops by name; each has to run, or jobs run late, twice or never."""
        return {
            "worker": self.worker.tick,
            "news": self.news.run,
            "pull watch": self.watch.run,
            "outbox relay": self.housekeeping.relay,
            "enqueued relay": self.enqueued.run,
            "sweep": self.housekeeping.sweep,
            "trimmer": self.trimmer.run,
        }


def database_address(settings: ServerSettings) -> str:
    """Return the database's address with whom to trust in it, for `migrate`. Secret: it holds the password."""
    return database_url(settings) or ""


def database_of(settings: ServerSettings, limits: PoolLimits | None = None) -> Database:
    """Return the database of this process; connects to nothing yet. `limits` are those of PostgreSQL."""
    return open_database(database_address(settings), limits=limits, present=partial(database_address, settings))


def notifications_of(service: str, database: Database, settings: Settings) -> Notifications:
    """Return what says that something was enqueued by SQL; connects to nothing yet."""
    return listen(
        service,
        database,
        url=listen_url(settings),
        present=partial(_listening_address, settings),
        notify=settings.outbox_notify,
    )


def _listening_address(settings: Settings) -> str:
    return listen_url(settings) or database_address(settings)


def compose(
    context: ServiceContext,
    table: Mapping[str, Route],
    consumers: Sequence[Consumer],
    *,
    slots: int,
    limits: JobLimits,
    policies: Policies = DEFAULT_POLICIES,
    timing: Timing = DEFAULT_TIMING,
    notifications: Notifications | None = None,
    news: JobNews | None = None,
    spawn: Spawn = spawn_task,
) -> WorkerParts:
    """Build a worker that has these routes and pulls these consumers; nothing runs yet.

    `notifications` say when something was enqueued by SQL; by default those of the database. `news` tell what becomes
    of jobs, by default on `events.<service>`.
    """
    outbox = Outbox(
        context.name,
        context.database,
        context.publisher,
        relay_age=policies.relay_age,
        refused_delay=policies.refused_follow_up,
    )

    async def broker() -> None:
        await context.connection.up.wait()

    circuit = CircuitBreaker(
        {"database": context.database.probe, "objects": context.objects.probe, "broker": broker, **context.resources},
        context.metrics,
        policies,
        spawn=spawn,
    )
    sweep = sweep_of(context.name, consumers, context.connection, context.publisher, timing)
    housekeeping = Housekeeping(
        context.name, context.database, outbox, sweep, timing, measured=partial(context.metrics.outbox, context.name)
    )
    enqueued = EnqueuedRelay(
        EnqueuedRows(context.name, context.database, context.publisher),
        notifications or listen(context.name, context.database),
    )
    news = news or news_of(context.name, context.connection)
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
        on_refused=housekeeping.refused,
        policies=policies,
        tracing=context.tracing,
        news=news,
    )
    worker = Worker(pipeline, circuit, slots=slots, policies=policies)
    news.running = worker.running
    circuit.on_close = worker.request
    trimmer = Trimmer(next(filter(is_queue, consumers)), context.connection, context.metrics)
    pulls = [
        Pull(
            context.connection,
            consumer.stream,
            consumer.name,
            worker.receive,
            policies,
            acknowledged=trimmer.acknowledged if is_queue(consumer) else None,
        )
        for consumer in consumers
    ]
    context.connection.on_reconnect.extend(pull.renew for pull in pulls)
    watch = PullWatch(pulls, context.connection, circuit, context.metrics)
    return WorkerParts(worker, pulls, housekeeping, enqueued, trimmer, circuit, watch, news)
