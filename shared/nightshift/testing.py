"""Testing kit: run one job through the real pipeline and commit, without a broker; fakes of the ports."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import msgspec
from prometheus_client import CollectorRegistry

from nightshift.contract import wire
from nightshift.contract.cron import ScheduleFired, event_subject
from nightshift.contract.message import Message
from nightshift.database import Database, migrate, open_database, sqlite_url
from nightshift.made_up_delivery import made_up
from nightshift.messaging.application_outbox import add_tables, enqueued_jobs
from nightshift.messaging.in_memory import InMemoryPublisher, PublishedJob
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import Outbox
from nightshift.objects import ObjectStore
from nightshift.objects.fake import FakeObjectStore
from nightshift.observability.metrics import Metrics
from nightshift.service.running import Binding
from nightshift.service.service import Service
from nightshift.worker.assembly import build_pipeline
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.pipeline import Pipeline
from nightshift.worker.policies import DEFAULT_POLICIES, JobLimits, Policies
from nightshift.worker.router import Handler, Route, route
from nightshift.worker.threads import HandlerThreads, PlainHandler, as_handler
from nightshift.worker.verdict import Verdict

__all__ = [
    "FakeObjectStore",
    "InMemoryPublisher",
    "JobResult",
    "PublishedJob",
    "add_tables",
    "enqueued_jobs",
    "perform_job",
    "route_of",
    "temporary_database",
]
_TICK_SECONDS = 0.02


@dataclass(slots=True, frozen=True)
class JobResult:
    """What became of a job that ran in a test; the rows that it wrote are in the test's database."""

    verdict: Verdict
    """What the worker did: `Ack`, `Reschedule` or `DeadLetter`, with reason, delay and error."""
    follow_ups: list[PublishedJob]
    """The jobs that it enqueued, as they were published after its commit."""
    job_id: str
    result: Any = None
    """What the handler set as `job.result`."""
    nakked: bool = False
    """The job was left to the broker, which delivers it again: its copy for later could not be stored."""
    exception: Exception | None = None
    """What the handler raised; `raise` it in a test that expects nothing of the kind, to see where it comes from."""

    @property
    def outcome(self) -> str:
        """The outcome in one word: `done`, `skipped`, `duplicate`, `retry`, `snooze`, `unavailable`, `dead`."""
        return self.verdict.outcome


async def perform_job(
    handler: Handler | PlainHandler | Route,
    message: Message | bytes,
    *,
    database: Database | None = None,
    objects: ObjectStore | None = None,
    job_type: str = "",
    service: str = "",
    job_id: str = "",
    attempt: int = 1,
    headers: Mapping[str, str] | None = None,
    limits: JobLimits | None = None,
    policies: Policies = DEFAULT_POLICIES,
) -> JobResult:
    """Run one job through the worker's own pipeline: decode, inbox, handler, commit, follow-ups.

    `handler` takes the message and the job, as an async function or a plain one; bind what else it needs with
    `functools.partial`. `database` may be left out for a route without inbox; `temporary_database` opens one. The same
    `job_id` again is a second delivery of the same job. `job_type` and `service` follow from the message, but for one
    that is given as bytes. `attempt` counts from 1.

    Raises:
        TypeError: no database for a route that needs one, or no job type for a body.
    """
    job_type = job_type or _type_of(message)
    kept = _route(handler, message)
    if database is None and kept.inbox:
        raise TypeError("perform_job needs a database: pass database=, or a route with inbox=False")
    raised: list[Exception] = []
    objects = objects or FakeObjectStore()
    published = InMemoryPublisher(objects)
    service = service or wire.service_of(job_type.removeprefix(wire.CRON))
    without: Any = None  # a route without inbox never asks for it
    metrics = Metrics(registry=CollectorRegistry())
    pipeline = build_pipeline(
        service,
        {job_type: replace(kept, handler=_recording(kept.handler, raised))},
        database=database or without,
        objects=objects,
        publisher=InMemoryPublisher(objects),
        outbox=Outbox(service, database or without, published),
        circuit=CircuitBreaker({}, metrics),
        metrics=metrics,
        limits=limits or JobLimits(),
        on_refused=lambda: None,
        policies=policies,
    )
    job_id = job_id or uuid4().hex
    given = {wire.JOB_ID: job_id, wire.ATTEMPT_BASE: str(attempt - 1), **(headers or {})}
    body = message if isinstance(message, bytes) else msgspec.json.encode(message)
    in_flight = pipeline.identify(made_up(job_type, given, body, attempt))
    verdict = await work_off(pipeline, in_flight)
    exception = raised[-1] if raised else None
    return JobResult(verdict, published.published, job_id, in_flight.job.result, in_flight.nakked, exception)


def route_of(service: Service, message: type[Message] | str, **given: Any) -> Route:
    """Return how a service works off a message (or `cron.<schedule>`), with what its handler is `given` by name."""
    handler = service.handlers[message if isinstance(message, str) else message.TYPE]
    return Binding(service, given, HandlerThreads(1)).route(handler)


@asynccontextmanager
async def temporary_database(folder: Path | None = None, *, schema: str | None = None) -> AsyncIterator[Database]:
    """Open an SQLite database with all tables, in `folder` (pytest's `tmp_path`) or in a folder that is removed.

    `schema` is the package of the application's tables, by default `schema`, if there is one.
    """
    with TemporaryDirectory() as made:
        url = sqlite_url((folder or Path(made)) / "nightshift.db")
        await migrate(url, schema)
        database = open_database(url)
        try:
            yield database
        finally:
            await database.close()


def _type_of(message: Message | bytes) -> str:
    if isinstance(message, bytes):
        raise TypeError("perform_job needs a job type for a body: pass job_type=")
    return event_subject(message.name) if isinstance(message, ScheduleFired) else message.TYPE


def _route(handler: Handler | PlainHandler | Route, message: Message | bytes) -> Route:
    if isinstance(handler, Route):
        return handler
    handler = as_handler(handler, HandlerThreads(1))
    if isinstance(message, bytes):
        raise TypeError("perform_job needs a route for a body: pass route_of(<service>, <message class>)")
    return route(type(message), handler)


def _recording(handler: Handler, raised: list[Exception]) -> Handler:
    async def recording(message: Any, job: Job) -> None:
        try:
            await handler(message, job)
        except Exception as error:
            raised.append(error)
            raise

    return recording


async def work_off(pipeline: Pipeline, in_flight: InFlightJob) -> Verdict:
    """Run one delivery, and end a handler that takes longer than it may, as a worker does."""
    ended = asyncio.Event()
    pipeline.endings.ended = lambda _: ended.set()
    pipeline.start([in_flight])
    try:
        while in_flight.verdict is None:
            in_flight.tick(time.monotonic(), float("inf"))
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _TICK_SECONDS)
    finally:
        if in_flight.verdict is None and in_flight.task is not None:
            in_flight.task.cancel()
    return in_flight.verdict
