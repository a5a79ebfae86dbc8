"""Our worker under measurement: the same streams and settings as in service, with a handler that does nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

from sqlalchemy import insert

from bench.peers.counting import payload
from nightshift.broker import Connection
from nightshift.contract.message import Message
from nightshift.database import Database
from nightshift.heartbeat import Heartbeat
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import open_objects
from nightshift.observability.metrics import Metrics
from nightshift.runtime.composition import ServiceContext, compose
from nightshift.topology.consumer import Consumer
from nightshift.topology.topology import Topology, topology
from nightshift.worker import gc_tuning
from nightshift.worker.job_news import JobNews
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import Route, route
from schema.tables import activity_logs

_EFFECT = insert(activity_logs)


class RunBench(Message):
    """A job of about 200 bytes."""

    SUBJECT: ClassVar[str] = "jobs.bench.run"
    payload: str


PAYLOAD = RunBench(payload="x" * 185)


def timed() -> RunBench:
    """The same, with the time of publishing in it."""
    return RunBench(payload=payload())


def bench_topology(*, bulk: bool = False) -> Topology:
    """The streams of the service `bench`; with `bulk` its queue is emptied in bulk."""
    return topology([RunBench.TYPE], {}, bulk=["bench"] if bulk else [])


async def no_op(_message: RunBench, _job: Job) -> None:
    """Does nothing."""


async def wait_once(_message: RunBench, _job: Job) -> None:
    """Does nothing but wait once, as whoever asks another server does."""
    await asyncio.sleep(0)


async def one_row(_message: RunBench, job: Job) -> None:
    """Writes one row."""
    now = datetime.now(UTC)
    job.write(_EFFECT, {"id": job.key, "user_id": None, "action": "bench", "details": {}, "created_at": now})


def routes(*, effect: bool, waits: bool = False) -> dict[str, Route]:
    """At least once without an effect, or exactly one row per job."""
    at_least_once = route(RunBench, wait_once if waits else no_op, inbox=False)
    return {RunBench.TYPE: route(RunBench, one_row) if effect else at_least_once}


class Working(NamedTuple):
    """A worker that works: since when (`time.perf_counter`), and what it counts."""

    began: float
    metrics: Metrics


@asynccontextmanager
async def working(
    service: str,
    connection: Connection,
    database: Database,
    offered: Mapping[str, Route],
    consumers: Sequence[Consumer],
    *,
    slots: int,
    news: JobNews | None = None,
    trims: bool = False,
) -> AsyncIterator[Working]:
    """Run a worker as in service, and drain it at the end; with `trims` it empties its queue in bulk, too.

    `JobNews()` tells nobody what becomes of jobs.
    """
    objects = open_objects("http://127.0.0.1:9", "none", "none", "none")
    metrics = Metrics(list(offered))
    context = ServiceContext(service, connection, database, objects, Publisher(connection), metrics)
    parts = compose(context, offered, consumers, slots=slots, limits=JobLimits(), news=news)
    gc_tuning.freeze()
    began = time.perf_counter()
    await parts.worker.start(parts.pulls)
    loops = [parts.worker.tick, parts.trimmer.run] if trims else [parts.worker.tick]
    beside = [asyncio.create_task(loop(Heartbeat())) for loop in loops]
    try:
        yield Working(began, metrics)
    finally:
        await parts.worker.drain(5)
        if trims:
            await parts.trimmer.finish()
        for task in beside:
            task.cancel()
        await parts.circuit.stop()
        await objects.close()


async def drain(
    connection: Connection,
    database: Database,
    offered: Mapping[str, Route],
    jobs: int,
    *,
    slots: int = 1000,
    news: JobNews | None = None,
) -> float:
    """Works off `jobs` jobs that wait; returns the seconds from the first to the last. It tells of them as in service.

    `JobNews()` tells nobody.
    """
    consumers = bench_topology().consumers_of("bench")
    async with working("bench", connection, database, offered, consumers, slots=slots, news=news) as at_work:
        while at_work.metrics.finished < jobs:
            await asyncio.sleep(0.005)
            if time.perf_counter() - at_work.began > 120:
                raise TimeoutError(f"{at_work.metrics.finished} of {jobs} jobs after 120 s")
        return time.perf_counter() - at_work.began


def sqlite_url(folder: Path) -> str:
    """Address of a database file in a folder."""
    return f"sqlite+aiosqlite:///{folder / 'bench.db'}"
