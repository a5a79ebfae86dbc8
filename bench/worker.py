"""Our worker under measurement: the same streams and settings as in service, with a handler that does nothing."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

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
    objects = open_objects("http://127.0.0.1:9", "none", "none", "none")
    metrics = Metrics([RunBench.TYPE])
    context = ServiceContext("bench", connection, database, objects, Publisher(connection), metrics)
    consumers = bench_topology().consumers_of("bench")
    parts = compose(context, offered, consumers, slots=slots, limits=JobLimits(), news=news)
    gc_tuning.freeze()
    started = time.perf_counter()
    await parts.worker.start(parts.pulls)
    ticking = asyncio.create_task(parts.worker.tick(Heartbeat()))
    while metrics.finished < jobs:
        await asyncio.sleep(0.005)
        if time.perf_counter() - started > 120:
            raise TimeoutError(f"{metrics.finished} of {jobs} jobs after 120 s")
    seconds = time.perf_counter() - started
    await parts.worker.drain(5)
    ticking.cancel()
    await parts.circuit.stop()
    await objects.close()
    return seconds


def sqlite_url(folder: Path) -> str:
    """Address of a database file in a folder."""
    return f"sqlite+aiosqlite:///{folder / 'bench.db'}"
