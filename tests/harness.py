"""A worker with handlers of the test's own, on the real broker, database and object store."""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from sqlalchemy import insert, select

from nightshift.backoff import Backoff
from nightshift.broker import BrokerRefusedError, Connection, connect
from nightshift.broker.headers import Headers, decode
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.message import Message
from nightshift.database import Database, migrate, open_database
from nightshift.database.tables import outbox, processed_messages
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.heartbeat import Heartbeat
from nightshift.housekeeping.loop import DEFAULT_TIMING, Timing
from nightshift.messaging.publisher import Publisher
from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.objects.s3 import S3ObjectStore, open_objects
from nightshift.observability.metrics import Metrics
from nightshift.runtime.composition import ServiceContext, WorkerParts, compose
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits, Topology, declared_topology, topology
from nightshift.worker.finding import Finding
from nightshift.worker.policies import JobLimits, Policies
from nightshift.worker.router import Handler, Route, route
from nightshift.worker.stopping import Stopping
from schema.tables import activity_logs

DEADLINE_SECONDS = 20.0
A_MOMENT = Backoff(base_seconds=0.03, factor=1.0)
PATIENT = Policies(tick_seconds=0.025)
"""The waits of a worker in service, but for its clock, so that a timeout need not take a second."""
SOON = replace(
    PATIENT,
    retry=A_MOMENT,
    not_stored=A_MOMENT,
    follow_ups=A_MOMENT,
    outage_seconds=(0.02, 0.03),
    first_probe_seconds=0.1,
)
"""Whatever waits runs again in a moment."""
FOLDER_IN_USE = 10049
"""The broker is still removing the files of the stream that had this name."""
RECORD = insert(activity_logs)
"""An effect for tests: `job.write(RECORD, {"action": …})`, read again by `Harness.effects`."""


class RunProbe(Message):
    """A job for tests."""

    SUBJECT: ClassVar[str] = "jobs.probe.run"
    name: str
    number: int = 0


class FollowProbe(Message):
    """Another, which the first may enqueue."""

    SUBJECT: ClassVar[str] = "jobs.probe.follow"
    name: str


EVENT_CONSUMERS = {"probe": "probe"}
"""With the messages above, this module is a package of contracts: CONTRACTS_PACKAGE=tests.harness."""


def probe_topology(limits: StreamLimits | None = None, *, bulk: bool = False) -> Topology:
    """The streams of the service `probe`, which also consumes `cron.probe.>`; with `bulk` its queue is a bulk queue."""
    return topology(["probe.run", "probe.follow"], {"probe": "probe"}, limits, bulk=["probe"] if bulk else [])


Handlers = Mapping[type[Message] | str, Handler | Route]
"""What a worker under test offers: a message's class, or `cron.<name>` of an event, to its handler."""


def routes(handlers: Handlers) -> dict[str, Route]:
    """Return the routes of handlers, by type on the wire."""
    table = dict[str, Route]()
    for key, handler in handlers.items():
        job_type, message = (key, ScheduleFired) if isinstance(key, str) else (key.TYPE, key)
        table[job_type] = handler if isinstance(handler, Route) else route(message, handler)
    return table


ONE_LOOK_SECONDS = 30.0
"""A condition that takes longer to look at hangs."""


async def eventually(condition: Callable[[], Any], *, what: str = "", timeout_seconds: float = DEADLINE_SECONDS) -> Any:
    """Waits until the condition holds (it may be async); returns its value. Fails with `what` at the deadline."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await asyncio.wait_for(value, max(deadline - time.monotonic(), 0) + ONE_LOOK_SECONDS)
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_seconds:g} s: {what or condition}")
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Stored:
    """A message as the broker keeps it."""

    subject: str
    sequence: int
    headers: Headers
    body: bytes


@dataclass
class Harness:
    """What a test holds in its hands."""

    context: ServiceContext
    parts: WorkerParts

    @property
    def connection(self) -> Connection:
        """The worker's connection, on which tests publish as well."""
        return self.context.connection

    @property
    def publisher(self) -> Publisher:
        """Publishes jobs."""
        return self.context.publisher

    @property
    def database(self) -> Database:
        """The worker's database."""
        return self.context.database

    async def listen(self) -> None:
        """Have the worker hear who asks for its jobs, or cancels them, as in service."""
        await self.parts.news.listen()
        await Stopping("probe", self.connection, self.parts.worker, self.parts.news).listen()
        await Finding("probe", self.connection, self.database).listen()

    async def stored(self, stream: str, subject: str = ">") -> list[Stored]:
        """Everything in a stream, in order."""
        return await stored(self.connection, stream, subject)

    async def dead_letters(self, count: int = 1, stream: str = "PROBE_DLQ") -> list[Stored]:
        """The dead letters, once there are so many."""

        async def enough() -> list[Stored]:
            letters = await self.stored(stream)
            return letters if len(letters) >= count else []

        letters: list[Stored] = await eventually(enough, what=f"{count} dead letters")
        return letters

    async def inbox(self) -> list[tuple[str, str]]:
        """Type and id of every job that is done."""
        query = select(processed_messages.c.type, processed_messages.c.id)
        async with self.database.read() as connection:
            return [(row[0], row[1]) for row in await connection.execute(query)]

    async def effects(self) -> list[str]:
        """What handlers have recorded, sorted."""
        async with self.database.read() as connection:
            return sorted(row[0] for row in await connection.execute(select(activity_logs.c.action)))

    async def outbox(self) -> list[str]:
        """The subjects of the follow-up jobs that wait to be published."""
        async with self.database.read() as connection:
            return [row[0] for row in await connection.execute(select(outbox.c.subject))]

    def outcomes(self, job_type: str | None = "probe.run") -> dict[str, int]:
        """How the deliveries of a type ended, counted; None: those of events and of types that do not exist."""
        metrics = self.context.metrics
        counted = (metrics._types[job_type] if job_type else metrics._unknown).outcomes
        return {outcome: number for outcome, number in counted.items() if number}

    async def settled(self, count: int) -> None:
        """Wait until so many deliveries have come to their end in this worker."""

        def counted() -> int:
            metrics = self.context.metrics
            return sum(sum(one.outcomes.values()) for one in (metrics._unknown, *metrics._types.values()))

        await eventually(lambda: counted() >= count, what=f"{count} deliveries are settled")

    async def empty(self) -> None:
        """Waits until no queue holds a job and none is in hand."""
        await eventually(self.is_empty, what="the queues are empty")

    async def is_empty(self) -> bool:
        """Whether no queue holds a job and none is in hand."""
        counts = [await count(self.connection, stream) for stream in ("PROBE", "PROBE_LATER")]
        return not any(counts) and self.parts.worker.in_flight == 0

    async def raw(self, subject: str, body: bytes = b"{}", header: bytes = b"") -> None:
        """Publishes bytes as they are, as anybody with a socket can."""
        self.connection.send(subject.encode("utf-8", "surrogateescape"), body, b"", header)
        await self.connection.flush()


async def set_ack_wait(connection: Connection, seconds: float, *, stream: str = "PROBE") -> None:
    """Makes the broker notice sooner that a delivery's worker is gone."""
    current = (await manage(connection, f"CONSUMER.INFO.{stream}.probe"))["config"]
    config = {**current, "ack_wait": int(seconds * 1e9)}
    call = f"CONSUMER.CREATE.{stream}.probe.{current['filter_subject']}"
    await manage(connection, call, {"stream_name": stream, "config": config})


async def count(connection: Connection, stream: str) -> int:
    """Messages in a stream."""
    answer = await manage(connection, f"STREAM.INFO.{stream}")
    return int(answer["state"]["messages"])


async def stored(connection: Connection, stream: str, subject: str = ">") -> list[Stored]:
    """Everything in a stream, in order."""
    found: list[Stored] = []
    sequence = 1
    while True:
        reply = await connection.ask(
            f"$JS.API.STREAM.MSG.GET.{stream}", msgspec.json.encode({"seq": sequence, "next_by_subj": subject})
        )
        answer = msgspec.json.decode(reply.body)
        if "error" in answer:
            return found
        message = answer["message"]
        headers = decode(base64.b64decode(message["hdrs"])) if message.get("hdrs") else {}
        body = base64.b64decode(message.get("data", ""))
        found.append(Stored(message["subject"], message["seq"], headers, body))
        sequence = message["seq"] + 1


@asynccontextmanager
async def connected(broker: Broker, name: str = "test") -> AsyncIterator[Connection]:
    """A connection to the broker under test."""
    connection = await connect(ProcessSettings(nats_url=broker.url), name=name)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def provisioned(broker: Broker) -> AsyncIterator[Connection]:
    """A connection of the operator's to a broker with the shipped streams."""
    async with connected(broker) as connection:
        await provision_broker(connection, declared_topology(load_catalogue()))
        yield connection


@asynccontextmanager
async def opened_objects(server: ObjectServer | None) -> AsyncIterator[S3ObjectStore]:
    """The object store under test, with its bucket; without a server, one that is away."""
    if server is None:
        objects = open_objects("http://127.0.0.1:9", "nobody", "nothing", "nightshift")
    else:
        objects = open_objects(server.endpoint, server.access_key, server.secret_key, "nightshift")
        await objects.ensure_bucket()
    try:
        yield objects
    finally:
        await objects.close()


async def _begin_empty(connection: Connection, declared: Topology) -> None:
    """Makes the streams anew: a purged one would still drop message ids that another test used."""
    for stream in declared.streams:
        with contextlib.suppress(BrokerRefusedError):  # there is none yet
            await manage(connection, f"STREAM.DELETE.{stream.name}")

    async def made() -> bool:
        try:
            await provision_broker(connection, declared)
        except BrokerRefusedError as refused:
            if refused.code != FOLDER_IN_USE:
                raise
            return False
        return True

    await eventually(made, what="the streams are made anew")


@asynccontextmanager
async def working(
    broker: Broker,
    objects_server: ObjectServer | None,
    folder: Path,
    handlers: Handlers,
    *,
    slots: int = 10,
    limits: JobLimits | None = None,
    stream_limits: StreamLimits | None = None,
    start: bool = True,
    fresh: bool = True,
    bulk: bool = False,
    tracing: Tracing = NO_TRACING,
    policies: Policies = PATIENT,
    timing: Timing = DEFAULT_TIMING,
    database_url: str | None = None,
) -> AsyncIterator[Harness]:
    """A worker of the service `probe` with these handlers, on empty streams and an empty database.

    `fresh=False` makes it a second worker beside, or after, one of the same broker and folder.
    """
    url = database_url or f"sqlite+aiosqlite:///{folder / 'nightshift.db'}"
    if fresh:
        await migrate(url)
    database = open_database(url)
    declared = probe_topology(stream_limits, bulk=bulk)
    async with connected(broker, "probe") as connection, opened_objects(objects_server) as objects:
        if fresh:
            await _begin_empty(connection, declared)
        metrics = Metrics(["probe.run", "probe.follow"])
        publisher = Publisher(connection, objects, tracing=tracing)
        context = ServiceContext("probe", connection, database, objects, publisher, metrics, tracing)
        table = routes(handlers)
        parts = compose(
            context,
            table,
            declared.consumers_of("probe"),
            slots=slots,
            limits=limits or JobLimits(3, 60.0),
            policies=policies,
            timing=timing,
        )
        ticking = [asyncio.create_task(loop(Heartbeat())) for loop in (parts.worker.tick, parts.news.run)]
        try:
            if start:
                await parts.worker.start(parts.pulls)
            yield Harness(context, parts)
        finally:
            await parts.worker.drain(0)
            await cancelled(*ticking)
            await parts.circuit.stop()
            await database.close()


@asynccontextmanager
async def with_housekeeping(harness: Harness) -> AsyncIterator[None]:
    """The relay, the sweep and the trimmer run beside the block."""
    housekeeping = harness.parts.housekeeping
    loops = (housekeeping.relay, housekeeping.sweep, harness.parts.trimmer.run)
    running = [asyncio.create_task(loop(Heartbeat())) for loop in loops]
    yield
    await cancelled(*running)


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for their end; what they raise is of no interest any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
