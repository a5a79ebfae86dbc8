"""The stack of a run: servers, replicas, streams with small limits, and a connection to look at them."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from contracts.email import SendEmail
from nightshift.broker import BrokerRefusedError, Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import Database, migrate, open_database
from nightshift.embedded.stack import BUCKET, Stack
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import open_objects
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits, Topology, topology
from tests.chaos.clock import MovedScheduler
from tests.chaos.events import EventWatch
from tests.chaos.journal import Journal
from tests.chaos.messages import EVENT_CONSUMERS, TYPES
from tests.chaos.pace import Pace
from tests.chaos.replica import Replica
from tests.chaos.tables import create

QUEUE_BYTES, DEAD_LETTER_BYTES, EVENT_BYTES = 8 << 20, 1 << 20, 8 << 20
MAX_FILE_STORE = 100 << 20
TICK = '[[schedules]]\nname = "chaos.tick"\nschedule = "*/{:.0f} * * * * *"\nmisfire = "all"\n'


@dataclass(frozen=True)
class Scale:
    """How much is going on."""

    pace: Pace
    workers: int = 3
    mailers: int = 2
    schedulers: int = 2
    per_second: float = 10
    tick_seconds: float = 5
    """Between the due times of a schedule. A scheduler makes up for 100, and the stream keeps as many: no outage may be
    longer than these."""
    probability: float = 0.001
    """Of ending at a fault point, each time that one is passed."""
    replicas: int = 1
    """Brokers that keep each stream."""
    database_url: str = ""
    """Of PostgreSQL; empty: the stack's own SQLite file."""


@dataclass
class World:
    """Everything that a fault can strike, and what the run itself sends."""

    stack: Stack
    scale: Scale
    seed: str
    connection: Connection
    database: Database
    publisher: Publisher
    journal: Journal
    moved: MovedScheduler
    events: EventWatch
    say: Callable[[str], None]
    workers: list[Replica] = field(default_factory=list)
    mailers: list[Replica] = field(default_factory=list)
    schedulers: list[Replica] = field(default_factory=list)
    producers: list[Replica] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    """What faults themselves found broken."""
    struck: Counter[str] = field(default_factory=Counter)
    sent: int = 0

    @property
    def replicas(self) -> list[Replica]:
        """All of them."""
        return [*self.producers, *self.schedulers, *self.mailers, *self.workers]

    def next_id(self, kind: str) -> str:
        """An id for a job that the run itself sends."""
        self.sent += 1
        return f"{kind}-run-{self.sent}"


def chaos_topology() -> Topology:
    """The streams of the services `chaos` and `email`, small enough to be filled; on one broker emptied in bulk."""
    return topology(
        [*TYPES, SendEmail.TYPE],
        EVENT_CONSUMERS,
        StreamLimits(
            queue_bytes=QUEUE_BYTES,
            dead_letter_bytes=DEAD_LETTER_BYTES,
            event_bytes=EVENT_BYTES,
            audit_bytes=EVENT_BYTES,
        ),
        bulk=["chaos", "email"],
    )


async def build(stack: Stack, scale: Scale, seed: str, say: Callable[[str], None], closing: AsyncExitStack) -> World:
    """Starts the stack and provisions it; the replicas do not run yet. What it opens, `closing` closes."""
    stack.broker.max_file_store = MAX_FILE_STORE
    await stack.start()
    closing.push_async_callback(stack.kill)
    environment = stack.environment()
    connection = await connect(ProcessSettings(nats_url=environment["NATS_URL"]), name="chaos")
    closing.push_async_callback(connection.close)
    objects = open_objects(stack.objects.endpoint, stack.objects.access_key, stack.objects.secret_key, BUCKET)
    closing.push_async_callback(objects.close)
    await objects.ensure_bucket()
    await _provision(connection, scale.replicas)
    for service in ("chaos", "email"):
        await shorten_ack_wait(connection, service, scale.pace.ack_wait_seconds)
    url = scale.database_url or environment["DATABASE_URL"]
    await migrate(url)
    database = open_database(url)
    closing.push_async_callback(database.close)
    async with database.write() as writing:
        await create(writing)
    world = World(
        stack,
        scale,
        seed,
        connection,
        database,
        Publisher(connection, objects),
        Journal(stack.folder / "sent-run.jsonl"),
        MovedScheduler(connection),
        EventWatch(connection),
        say,
    )
    closing.callback(world.journal.close)
    _staff(world)
    return world


async def _provision(connection: Connection, replicas: int) -> None:
    """Makes the streams; a cluster that was just started may still be electing its leaders."""
    deadline = time.monotonic() + 60
    while True:
        try:
            await provision_broker(connection, chaos_topology(), replicas=replicas)
        except (BrokerRefusedError, Unavailable):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)
        else:
            return


async def shorten_ack_wait(connection: Connection, service: str, seconds: float) -> None:
    """Lets the broker deliver again sooner than in service."""
    for stream in ("CRON", service.upper(), f"{service.upper()}_LATER"):
        names = (await manage(connection, f"CONSUMER.NAMES.{stream}")).get("consumers") or []
        if service in names:
            info = await manage(connection, f"CONSUMER.INFO.{stream}.{service}")
            config = {**info["config"], "ack_wait": int(seconds * 1e9)}
            call = f"CONSUMER.CREATE.{stream}.{service}.{config['filter_subject']}"
            await manage(connection, call, {"stream_name": stream, "config": config})


def _staff(world: World) -> None:
    """Makes the replicas."""
    stack, scale = world.stack, world.scale
    dice = random.Random(f"{world.seed}/replicas")  # noqa: S311
    schedules = stack.folder / "schedules.toml"
    schedules.write_text(TICK.format(scale.tick_seconds))
    common = {
        "CHAOS_FOLDER": str(stack.folder),
        "CHAOS_PACE": scale.pace.name,
        "LOG_FORMAT": "text",
        "MAX_RETRIES": "3",
    }
    if scale.database_url:
        common["DATABASE_URL"] = scale.database_url
    worker = common | {
        "CHAOS_PROBABILITY": str(scale.probability),
        "SLOTS": "20",
        "JOB_TIMEOUT_SECONDS": str(scale.pace.timeout_seconds),
        "DRAIN_GRACE_SECONDS": "5",
    }

    def seeded() -> dict[str, str]:
        return {"CHAOS_SEED": str(dice.random())}

    def several(name: str, count: int, *command: str, extra: dict[str, str]) -> list[Replica]:
        return [Replica(stack, f"{name}-{n}", *command, extra=extra | seeded()) for n in range(1, count + 1)]

    world.workers = several("worker", scale.workers, "tests.chaos.worker", extra=worker)
    paced = "tests.chaos.paced"
    world.mailers = several("email", scale.mailers, paced, "services.email", extra=common)
    scheduler = common | {"SCHEDULES_FILE": str(schedules), "CONTRACTS_PACKAGE": "tests.chaos.messages"}
    world.schedulers = several("scheduler", scale.schedulers, paced, "services.scheduler", extra=scheduler)
    producer = common | {"CHAOS_PER_SECOND": str(scale.per_second)}
    world.producers = several("producer", 1, "tests.chaos.producer", extra=producer)


async def all_of(calls: list[Awaitable[object]]) -> None:
    """Waits for all of them; the first error is raised when all have ended."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
