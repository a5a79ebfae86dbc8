"""Jobs that are enqueued by SQL: from commit to handler, and rows relayed per second: `python -m bench.enqueue`.

Beside each stands its reference in the same run: what it takes from the broker's acknowledgement of a plain publish to
the handler, and how many jobs a second a publisher stores as batches of the same size.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from sqlalchemy import insert

from bench import worker
from bench.report import write_figures
from bench.servers import Postgres
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import Database, migrate, open_database
from nightshift.database.notifications import listen
from nightshift.database.producers import let_producers
from nightshift.database.tables import outbox
from nightshift.embedded.servers.broker import Broker
from nightshift.heartbeat import Heartbeat
from nightshift.housekeeping.enqueued import EnqueuedRelay
from nightshift.instants import utc_now
from nightshift.messaging.enqueued import PAGE, EnqueuedRows
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import open_objects
from nightshift.observability.metrics import Metrics
from nightshift.runtime.composition import ServiceContext, compose
from nightshift.topology.provisioning import provision_broker
from nightshift.worker import gc_tuning
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import route

BODY = b'{"payload":"' + b"x" * 185 + b'"}'
ROW = {"consumer": "", "subject": worker.RunBench.SUBJECT, "body": BODY, "headers": {}}
BETWEEN_SECONDS = 0.02
"""Between two jobs whose way is timed: the relay is asleep each time."""
_KINDS = ("PostgreSQL", "SQLite")


@dataclass
class Bench:
    """Broker and database, and an application's own connection to it."""

    connection: Connection
    database: Database
    application: Database

    async def enqueue(self, count: int = 1) -> None:
        """Commit so many rows, as an application does."""
        async with self.application.write() as connection:
            await connection.execute(insert(outbox), [ROW] * count)

    async def relayed(self, rows: int) -> float:
        """Return the rows per second that one relay publishes and forgets, from a backlog."""
        for begin in range(0, rows, 5_000):
            await self.enqueue(min(5_000, rows - begin))
        relay, left = EnqueuedRows("bench", self.database, Publisher(self.connection)), rows
        started = time.perf_counter()
        while left > 0:
            left -= (await relay.publish_new(utc_now())).published
        return rows / (time.perf_counter() - started)

    async def published(self, jobs: int) -> float:
        """Return the jobs per second that a publisher stores as batches of a page's size."""
        publisher = Publisher(self.connection)
        started = time.perf_counter()
        for _ in range(jobs // PAGE):
            await publisher.publish_many([worker.PAYLOAD] * PAGE)
        return jobs / (time.perf_counter() - started)


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Bench]:
    """Servers of this run's own."""
    async with AsyncExitStack() as closing:
        broker = Broker(folder / "broker")
        await broker.start()
        closing.push_async_callback(broker.kill)
        url = worker.sqlite_url(folder)
        if kind == "PostgreSQL":
            server = Postgres(folder / "postgres")
            closing.callback(server.stop)
            url = server.url
        await migrate(url)
        await let_producers(url, [worker.RunBench.TYPE], notify=True)
        connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
        closing.push_async_callback(connection.close)
        await provision_broker(connection, worker.bench_topology())
        database, application = open_database(url), open_database(url)
        closing.push_async_callback(database.close)
        closing.push_async_callback(application.close)
        yield Bench(connection, database, application)


@asynccontextmanager
async def at_work(bench: Bench) -> AsyncIterator["asyncio.Queue[float]"]:
    """A worker and its relay; yields the times at which its handler began."""
    began: asyncio.Queue[float] = asyncio.Queue()

    async def note(_message: worker.RunBench, _job: Job) -> None:
        began.put_nowait(time.perf_counter())

    objects = open_objects("http://127.0.0.1:9", "none", "none", "none")
    metrics, publisher = Metrics([worker.RunBench.TYPE]), Publisher(bench.connection)
    context = ServiceContext("bench", bench.connection, bench.database, objects, publisher, metrics)
    consumers = worker.bench_topology().consumers_of("bench")
    parts = compose(
        context, {worker.RunBench.TYPE: route(worker.RunBench, note)}, consumers, slots=100, limits=JobLimits()
    )
    relay = EnqueuedRelay(EnqueuedRows("bench", bench.database, publisher), listen("bench", bench.database))
    await parts.worker.start(parts.pulls)
    tasks = [asyncio.create_task(parts.worker.tick(Heartbeat())), asyncio.create_task(relay.run(Heartbeat()))]
    gc_tuning.freeze()
    try:
        yield began
    finally:
        await parts.worker.drain(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.circuit.stop()
        await objects.close()


async def ways(send: Callable[[], Awaitable[object]], began: "asyncio.Queue[float]", jobs: int) -> tuple[float, float]:
    """Return the median and the 99th percentile from the end of `send` to the handler, in milliseconds."""
    found = []
    for _ in range(jobs):
        await asyncio.sleep(BETWEEN_SECONDS)
        await send()
        sent = time.perf_counter()
        async with asyncio.timeout(10):
            found.append(max(0.0, await began.get() - sent) * 1000)
    found.sort()
    return statistics.median(found), found[int(len(found) * 0.99)]


async def measure(jobs: int, rows: int, rounds: int) -> dict[str, str]:
    """Measure both kinds of database; what is compared is interleaved."""
    lines: dict[str, str] = {}
    for kind in _KINDS:
        with tempfile.TemporaryDirectory() as name:
            async with opened(kind, Path(name)) as bench:
                lines |= await _latencies(kind, bench, jobs) | await _rates(kind, bench, rows, rounds)
    return lines


async def _latencies(kind: str, bench: Bench, jobs: int) -> dict[str, str]:
    publisher = Publisher(bench.connection)
    async with at_work(bench) as began:
        await ways(bench.enqueue, began, 20)
        by_sql = await ways(bench.enqueue, began, jobs)
        plain = await ways(lambda: publisher.publish(worker.PAYLOAD), began, jobs)
    lines = {
        f"{kind}: commit to handler": f"p50 {by_sql[0]:.1f} ms, p99 {by_sql[1]:.1f} ms",
        f"{kind}: reference, acknowledged publish to handler": f"p50 {plain[0]:.1f} ms, p99 {plain[1]:.1f} ms",
    }
    print(*(f"  {name:<60}{text}" for name, text in lines.items()), sep="\n", flush=True)
    return lines


async def _rates(kind: str, bench: Bench, rows: int, rounds: int) -> dict[str, str]:
    relayed: list[float] = []
    published: list[float] = []
    for number in range(rounds):
        for rates, run in ((relayed, bench.relayed), (published, bench.published)):
            await manage(bench.connection, "STREAM.PURGE.BENCH")
            rates.append(await run(rows))
        print(
            f"  {kind}, round {number + 1}: relayed {relayed[-1]:,.0f}, published {published[-1]:,.0f} a second",
            flush=True,
        )
    share = statistics.median(relayed) / statistics.median(published)
    rate = f"{statistics.median(relayed):,.0f} a second, {share:.0%} of the reference"
    return {
        f"{kind}: rows relayed from a backlog": rate,
        f"{kind}: reference, publish_many, {PAGE} at a time": f"{statistics.median(published):,.0f} a second",
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.enqueue", description=__doc__, epilog="example: python -m bench.enqueue --rows 10000"
    )
    parser.add_argument("--jobs", type=int, default=300, help="jobs whose way is timed, one after the other")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of a backlog, per round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved")
    options = parser.parse_args()
    lines = uvloop.run(measure(options.jobs, options.rows, options.rounds))
    print(write_figures("enqueue", f"median of {options.rounds} rounds, sync_interval: always", lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
