"""Jobs per second of our worker beside a plain continuous pull, in one run: `python -m bench.quick`."""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from bench import plain_effects, plain_pull, worker
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import Database, migrate, open_database
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import configure
from nightshift.topology.provisioning import provision_broker
from nightshift.worker.job_news import JobNews

PLAIN = "plain continuous pull (nats-py, only ack)"
Measure = Callable[[], Awaitable[float]]


async def preload(connection: Connection, jobs: int) -> None:
    """Puts jobs into the queue, 1,000 at once."""
    publisher = Publisher(connection)
    for start in range(0, jobs, 1000):
        await publisher.publish_many([worker.PAYLOAD] * min(1000, jobs - start))


@asynccontextmanager
async def opened(folder: Path, *, bulk: bool) -> AsyncIterator[tuple[Broker, Connection, Database]]:
    """A broker with the streams of the service `bench` and nothing in them, a connection to it, and a database."""
    broker = Broker(folder / "broker")
    await broker.start()
    try:
        await migrate(worker.sqlite_url(folder))
        database = open_database(worker.sqlite_url(folder))
        connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
        await provision_broker(connection, worker.bench_topology(bulk=bulk))
        yield broker, connection, database
        await connection.close()
        await database.close()
    finally:
        await broker.kill()


async def measure(jobs: int, rounds: int) -> dict[str, list[float]]:
    """Runs every measure in turn, round by round; returns jobs per second."""
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with opened(folder, bulk=True) as (broker, connection, database):
            for number in range(rounds):
                for title, run in _measures(broker.url, folder, connection, database, jobs).items():
                    await manage(connection, "STREAM.PURGE.BENCH")
                    await preload(connection, jobs)
                    seconds = await run()
                    rates.setdefault(title, []).append(jobs / seconds)
                    print(f"  round {number + 1}  {title:<44}{jobs / seconds:>10,.0f} jobs/s", flush=True)
    return rates


def _measures(url: str, folder: Path, connection: Connection, database: Database, jobs: int) -> dict[str, Measure]:
    no_op, one_row = worker.routes(effect=False), worker.routes(effect=True)
    waiting = worker.routes(effect=False, waits=True)
    return {
        PLAIN: lambda: plain_pull.drain(url, "BENCH", "bench", jobs),
        "worker, no-op handler, at least once": lambda: worker.drain(connection, database, no_op, jobs),
        "the same, without events": lambda: worker.drain(connection, database, no_op, jobs, news=JobNews()),
        "worker, handler that waits, at least once": lambda: worker.drain(connection, database, waiting, jobs),
        "hand-written loop, a commit per 100 (SQLite)": lambda: plain_effects.drain(
            url, folder / "bench.db", "BENCH", "bench", jobs
        ),
        "worker, one row exactly once (SQLite)": lambda: worker.drain(connection, database, one_row, jobs),
        "the same row, without events": lambda: worker.drain(connection, database, one_row, jobs, news=JobNews()),
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.quick", description=__doc__, epilog="example: python -m bench.quick --jobs 20000"
    )
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs per measure (default: 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved (default: 3)")
    parser.add_argument("--log", default=os.devnull, help="where the worker's log lines go (default: nowhere)")
    arguments = parser.parse_args()
    with Path(arguments.log).open("a") as log:
        configure("bench", "json", stream=log)
        rates = uvloop.run(measure(arguments.jobs, arguments.rounds))
    reference = statistics.median(next(iter(rates.values())))
    print(f"\n{'median of ' + str(arguments.rounds) + ' rounds':<46}{'jobs/s':>10}{'of plain pull':>16}")
    for title, values in rates.items():
        median = statistics.median(values)
        print(f"{title:<46}{median:>10,.0f}{median / reference:>15.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
