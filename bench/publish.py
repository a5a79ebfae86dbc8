"""Jobs accepted per second on a broker that writes to disk before it says so: `python -m bench.publish`."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats
import uvloop

from bench import worker
from bench.report import write_figures
from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from nightshift.worker import gc_tuning

CALLERS = 100
MANY = 1000


async def together(publisher: Publisher, jobs: int) -> None:
    """`publish_many`, a thousand at a time."""
    for begin in range(0, jobs, MANY):
        await publisher.publish_many([worker.PAYLOAD] * min(MANY, jobs - begin))


async def by_callers(publish: Callable[[], Awaitable[object]], jobs: int, callers: int) -> None:
    """So many callers, each of which publishes one job after the other."""

    async def caller(count: int) -> None:
        for _ in range(count):
            await publish()

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller(jobs // callers))


async def measure(jobs: int, rounds: int) -> dict[str, list[float]]:
    """Every way in turn, round by round; returns jobs per second."""
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        broker = Broker(Path(name) / "broker")
        await broker.start()
        plain = await nats.connect(broker.url)
        connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
        try:
            await provision_broker(connection, worker.bench_topology())
            publisher, stream = Publisher(connection), plain.jetstream()
            gc_tuning.freeze()

            def ours() -> Awaitable[object]:
                return publisher.publish(worker.PAYLOAD)

            def theirs() -> Awaitable[object]:
                return stream.publish("jobs.bench.run", b'{"payload":"' + b"x" * 185 + b'"}')

            ways: dict[str, tuple[int, Callable[[int], Awaitable[None]]]] = {
                "publish_many, 1,000 at a time": (jobs, lambda count: together(publisher, count)),
                f"publish, {CALLERS} callers": (jobs, lambda count: by_callers(ours, count, CALLERS)),
                "publish, one caller": (jobs // 20, lambda count: by_callers(ours, count, 1)),
                f"nats-py alone, {CALLERS} callers": (jobs, lambda count: by_callers(theirs, count, CALLERS)),
                "nats-py alone, one caller": (jobs // 20, lambda count: by_callers(theirs, count, 1)),
            }
            for number in range(rounds):
                for title, (count, run) in ways.items():
                    await manage(connection, "STREAM.PURGE.BENCH")
                    started = time.perf_counter()
                    await run(count)
                    rates.setdefault(title, []).append(count / (time.perf_counter() - started))
                    print(f"  round {number + 1}  {title:<36}{rates[title][-1]:>10,.0f} jobs/s", flush=True)
        finally:
            await connection.close()
            await plain.close()
            await broker.kill()
    return rates


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.publish", description=__doc__, epilog="example: python -m bench.publish --jobs 5000"
    )
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs per way and round (a twentieth one by one)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved")
    options = parser.parse_args()
    rates = uvloop.run(measure(options.jobs, options.rounds))
    rows = {title: f"{statistics.median(found):,.0f} jobs/s" for title, found in rates.items()}
    print(write_figures("publish", f"median of {options.rounds} rounds, sync_interval: always", rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
