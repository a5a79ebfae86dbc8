"""Nightshift, in this environment of ours: at least once with a no-op handler, or one row exactly once (`effect`).

Its queue is what provisioning makes of one for short jobs on a single broker: emptied in bulk.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from sqlalchemy import insert

from bench import worker
from bench.peers.counting import JOBS, NATS_URL, RESULT, publish_async, tick
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import migrate, open_database
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import configure
from nightshift.topology.provisioning import provision_broker
from nightshift.worker.router import Route, route
from schema.tables import activity_logs

DATABASE_URL = os.environ.get("BENCH_DATABASE_URL", "")
SLOTS = 100 if "as-installed" in sys.argv else 4000 if "no-op" in sys.argv else 2000 if "postgres" in sys.argv else 1000
"""For jobs as small as these: more where they only wait, for the broker's next ones or for a commit on PostgreSQL."""
_EFFECT = insert(activity_logs)


async def count(message: worker.RunBench, _job: Job) -> None:
    """Counts."""
    tick(message.payload)


async def one_row(message: worker.RunBench, job: Job) -> None:
    """Counts, and writes one row."""
    now = datetime.now(UTC)
    job.write(_EFFECT, {"id": job.key, "user_id": None, "action": "bench", "details": {}, "created_at": now})
    tick(message.payload)


async def preload(connection: Connection) -> None:
    """Publishes the jobs."""
    publisher = Publisher(connection)
    await provision_broker(connection, worker.bench_topology(bulk=True))
    if "paced" in sys.argv:
        await publish_async(lambda text: publisher.publish(worker.RunBench(payload=text)))
        return
    # A worker is ended at its last job, whose acknowledgement may not have left it: those are no jobs of this run.
    await manage(connection, "STREAM.PURGE.BENCH")
    for begin in range(0, JOBS, 1000):
        await publisher.publish_many([worker.timed() for _ in range(min(1000, JOBS - begin))])


async def work(connection: Connection, offered: Mapping[str, Route]) -> None:
    """Works until all jobs are done and settled."""
    await migrate(DATABASE_URL)
    database = open_database(DATABASE_URL)
    consumers = worker.bench_topology().consumers_of("bench")
    async with worker.working("bench", connection, database, offered, consumers, slots=SLOTS, trims=True) as at_work:
        while not (RESULT.exists() and at_work.metrics.finished >= JOBS):
            await asyncio.sleep(0.01)
    await database.close()


async def play() -> None:
    """Publishes (`preload`), or works (`no-op` or `effect`)."""
    connection = await connect(ProcessSettings(nats_url=NATS_URL), name="bench")
    if "preload" in sys.argv:
        await preload(connection)
    elif "effect" in sys.argv:
        await work(connection, {worker.RunBench.TYPE: route(worker.RunBench, one_row)})
    else:
        await work(connection, {worker.RunBench.TYPE: route(worker.RunBench, count, inbox=False)})
    await connection.close()


def main() -> None:
    """Plays its part, its log lines written as in service, to wherever BENCH_LOG says."""
    log = Path(os.environ.get("BENCH_LOG", os.devnull)).open("a")  # noqa: SIM115 - open as long as the process lives
    configure("bench", "json", stream=log)
    uvloop.run(play())


if __name__ == "__main__":
    main()
