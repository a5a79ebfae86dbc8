"""Whether the rate holds: deep backlogs, many delayed jobs, a million jobs, two processes. `python -m bench.scale`.

The queue is one that is emptied in bulk, as on any single durable broker.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench import worker
from bench.memory import resident_mb
from bench.processor_time import processor_seconds
from bench.report import write_figures
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker

ROOT = Path(__file__).resolve().parent.parent
MEASURED = 30_000
AT_HAND = 10_000
"""More than two processes have in hand: each finds its half whatever the other has taken."""
PATIENCE_SECONDS = 900


@dataclass
class Rate:
    """Jobs per second of all processes together, and the processor time of each job in microseconds."""

    jobs: float
    worker: float
    broker: float


@dataclass
class Bench:
    """A broker, a connection to it, and a folder for results."""

    broker: Broker
    connection: Connection
    folder: Path

    async def preload(self, jobs: int) -> None:
        """Empties the queue and fills it anew."""
        await manage(self.connection, "STREAM.PURGE.BENCH")
        publisher = Publisher(self.connection, timeout_seconds=60)
        for begin in range(0, jobs, 1000):
            await publisher.publish_many([worker.timed() for _ in range(min(1000, jobs - begin))])

    async def delay(self, jobs: int) -> None:
        """Publishes jobs for tomorrow."""
        publisher = Publisher(self.connection, timeout_seconds=60)
        for begin in range(0, jobs, 500):
            async with asyncio.TaskGroup() as sending:
                for _ in range(min(500, jobs - begin)):
                    sending.create_task(publisher.publish_later(worker.PAYLOAD, delay=timedelta(days=1)))

    async def run(self, jobs: int, *, processes: int = 1, watch: Callable[[int], None] | None = None) -> Rate:
        """Works off so many jobs with that many processes."""
        broker_before = processor_seconds(self.broker.process.pid)
        results = [self.folder / f"{time.monotonic_ns()}-{number}.json" for number in range(processes)]
        running = [self._start(jobs // processes, result) for result in results]
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not all(result.exists() for result in results):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{jobs} jobs were not done within {PATIENCE_SECONDS} s")
                if watch is not None:
                    watch(running[0].pid)
                await asyncio.sleep(0.05)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)
        broker_after = processor_seconds(self.broker.process.pid)
        done = [json.loads(result.read_text(encoding="utf-8")) for result in results]
        return Rate(
            sum(numbers["jobs"] / numbers["seconds"] for numbers in done),
            sum(numbers["cpu_seconds"] for numbers in done) / jobs * 1e6,
            (broker_after - broker_before) / jobs * 1e6,
        )

    def _start(self, jobs: int, result: Path) -> subprocess.Popen[bytes]:
        told = {
            "BENCH_JOBS": str(jobs),
            "BENCH_NATS_URL": self.broker.url,
            "BENCH_DATABASE_URL": worker.sqlite_url(self.folder),
            "BENCH_RESULT": str(result),
        }
        command = [sys.executable, "-m", "bench.peers.nightshift_peer", "no-op"]
        return subprocess.Popen(command, env={**os.environ, **told}, cwd=ROOT)


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Bench]:
    """A bench with its own broker."""
    with tempfile.TemporaryDirectory() as name:
        broker = Broker(Path(name) / "broker")
        await broker.start()
        try:
            connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
            await provision_broker(connection, worker.bench_topology(bulk=True))
            yield Bench(broker, connection, Path(name))
            await connection.close()
        finally:
            await broker.kill()


async def measure(million: int) -> list[tuple[str, str]]:
    """All figures, in order; each first beside the plain rate just before it, since the machine's speed drifts."""
    rows: list[tuple[str, str]] = []

    def say(title: str, text: str) -> None:
        rows.append((title, text))
        print(f"  {title:<44}{text}", flush=True)

    async with opened() as bench:

        async def rate(backlog: int, processes: int = 1) -> Rate:
            await bench.preload(backlog + MEASURED)
            return await bench.run(MEASURED, processes=processes)

        await rate(1_000)  # a warm-up
        for backlog in (100_000, million):
            small, large = await rate(1_000), await rate(backlog)
            say(
                f"backlog of {backlog:,}",
                f"{large.jobs:,.0f} jobs/s, {large.jobs / small.jobs:.0%} of the rate at 1,000",
            )
        alone = await rate(1_000)
        await bench.delay(150_000 if million >= 1_000_000 else million // 10)
        beside = await rate(1_000)
        say(
            "delayed jobs and retries waiting beside",
            f"{beside.jobs:,.0f} jobs/s, {beside.jobs / alone.jobs:.0%} of the rate without",
        )
        one, two = await rate(1_000), await rate(AT_HAND, 2)
        say("two processes", f"{two.jobs:,.0f} jobs/s, {two.jobs / one.jobs:.2f} times one")
        cores, each = os.cpu_count() or 1, one.worker + one.broker
        say(
            "processor time of a job",
            f"{one.worker:.0f} µs in the worker, {one.broker:.0f} µs in the broker: {cores} cores hold at most "
            f"{cores * 1e6 / each:,.0f} jobs/s, {cores * 1e6 / each / one.jobs:.2f} times one process",
        )
        sizes: list[float] = []
        await bench.preload(million)
        total = await bench.run(million, watch=lambda pid: sizes.append(resident_mb(pid)))
        quarter = max(len(sizes) // 4, 1)
        memory = f"{max(sizes):.0f} MB at most, {sizes[quarter]:.0f} MB after a quarter of the time, {sizes[-1]:.0f} MB"
        say(f"{million:,} jobs without a pause", f"{total.jobs:,.0f} jobs/s; memory {memory} at the end")
    return rows


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale", description=__doc__, epilog="example: python -m bench.scale --million 200000"
    )
    parser.add_argument("--million", type=int, default=1_000_000, help="the deepest backlog (default: 1000000)")
    options = parser.parse_args()
    rows = asyncio.run(measure(options.million))
    print(
        write_figures(
            "scale", "one worker process unless it says otherwise, a no-op job of about 200 bytes", dict(rows)
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
