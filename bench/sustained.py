"""A load that does not end: published, worked off and gone, under a work queue and a bulk queue in turn.

`python -m bench.sustained`. Publisher and worker run at the same time; a round ends when the stream holds nothing.
Peers, where `make bench` has installed them, do the same with a tenth of the jobs, until the last is done.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import worker
from bench.compare import beside, run_once
from bench.peers.roster import PEERS
from bench.processor_time import processor_seconds
from bench.report import write_figures
from bench.scale import ROOT
from nightshift.broker import BrokerRefusedError, Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker

BATCH, IN_FLIGHT = 1_000, 2
AHEAD = 20_000
"""The publisher keeps at most so many jobs ahead of the worker."""
PATIENCE_SECONDS = 120
KINDS = {"work queue": False, "bulk queue": True}
EFFECTS = {"at least once, no-op": "no-op", "exactly once, SQLite": "effect"}


@dataclass
class Round:
    """Jobs per second from the first publish until the stream is empty; processor microseconds of the broker a job."""

    jobs: float
    broker: float


async def _held(connection: Connection) -> int:
    state = (await manage(connection, "STREAM.INFO.BENCH"))["state"]
    return int(state["messages"])


async def _waits(connection: Connection) -> int:
    info = await manage(connection, "CONSUMER.INFO.BENCH.bench")
    return int(info["num_pending"]) + int(info["num_ack_pending"])


async def _publish(connection: Connection, jobs: int) -> None:
    publisher, left = Publisher(connection, timeout_seconds=60), jobs

    async def one() -> None:
        nonlocal left
        while left > 0:
            left -= BATCH
            await publisher.publish_many([worker.timed() for _ in range(BATCH)])
            while await _waits(connection) > AHEAD:
                await asyncio.sleep(0.02)

    await asyncio.gather(*(one() for _ in range(IN_FLIGHT)))


async def _anew(connection: Connection, *, bulk: bool) -> None:
    """Make the streams anew, as the kind that is measured."""
    declared = worker.bench_topology(bulk=bulk)
    for stream in declared.streams:
        with contextlib.suppress(BrokerRefusedError):
            await manage(connection, f"STREAM.DELETE.{stream.name}")
    deadline = time.monotonic() + 20
    while True:
        try:
            await provision_broker(connection, declared)
        except BrokerRefusedError:  # the files of the old streams are still being removed
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def _worker(broker: Broker, folder: Path, mode: str, jobs: int) -> Iterator[None]:
    told = {
        "BENCH_JOBS": str(jobs),
        "BENCH_NATS_URL": broker.url,
        "BENCH_DATABASE_URL": f"sqlite+aiosqlite:///{folder / f'{time.monotonic_ns()}.db'}",
        "BENCH_RESULT": str(folder / f"{time.monotonic_ns()}.json"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.peers.nightshift_peer", mode], env={**os.environ, **told}, cwd=ROOT
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def measure_once(
    broker: Broker, connection: Connection, folder: Path, *, bulk: bool, mode: str, jobs: int
) -> Round:
    """Publish and work off so many jobs.

    Raises:
        TimeoutError: they are not gone in time.
    """
    await _anew(connection, bulk=bulk)
    with _worker(broker, folder, mode, jobs):
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await _until_gone(broker, connection, jobs)


async def _until_gone(broker: Broker, connection: Connection, jobs: int) -> Round:
    while not (await manage(connection, "CONSUMER.INFO.BENCH.bench"))["num_waiting"]:
        await asyncio.sleep(0.02)
    before, started = processor_seconds(broker.process.pid), time.monotonic()
    await _publish(connection, jobs)
    while await _held(connection) or await _waits(connection):
        await asyncio.sleep(0.02)
    seconds = time.monotonic() - started
    return Round(jobs / seconds, (processor_seconds(broker.process.pid) - before) / jobs * 1e6)


async def measure(jobs: int, rounds: int, peers_bin: Path) -> tuple[dict[str, list[Round]], dict[str, list[float]]]:
    """Every kind in turn, and every peer, round by round; the peers' jobs per second apart."""
    found: dict[str, list[Round]] = {}
    peers: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder / "broker")
        await broker.start()
        try:
            connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
            for number in range(rounds):
                for effect, mode in EFFECTS.items():
                    for kind, bulk in KINDS.items():
                        one = await measure_once(broker, connection, Path(name), bulk=bulk, mode=mode, jobs=jobs)
                        found.setdefault(f"{effect}, {kind}", []).append(one)
                        print(f"  round {number + 1}  {effect + ', ' + kind:<44}{one.jobs:>10,.0f} jobs/s", flush=True)
                await asyncio.to_thread(_peers, broker, folder / f"round-{number}", peers_bin, jobs // 10, peers)
            await connection.close()
        finally:
            await broker.kill()
    return found, peers


def _peers(broker: Broker, folder: Path, peers_bin: Path, jobs: int, found: dict[str, list[float]]) -> None:
    """Let each peer publish and work at the same time, from its first job until its last is done."""
    if not peers_bin.exists():
        return
    for place in (folder.parent, folder):  # PostgreSQL runs as another user
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
    with beside(broker, folder, peers_bin) as servers:
        for peer in (one for one in PEERS if one.sustained):
            numbers = run_once(servers, peer, jobs, "sustained")
            found.setdefault(peer.name, []).append(numbers["jobs"] / numbers["seconds"])
            print(f"           {peer.name:<44}{found[peer.name][-1]:>10,.0f} jobs/s", flush=True)


def rows_of(found: dict[str, list[Round]], peers: dict[str, list[float]]) -> dict[str, str]:
    """Return a line for each kind, with its ratio to the work queue of the same run, and for each peer."""
    rows: dict[str, str] = {}
    for effect in EFFECTS:
        base = statistics.median(one.jobs for one in found[f"{effect}, work queue"])
        for kind in KINDS:
            rounds = found[f"{effect}, {kind}"]
            rate, broker = (
                statistics.median(one.jobs for one in rounds),
                statistics.median(one.broker for one in rounds),
            )
            rows[f"{effect}, {kind}"] = f"{rate:,.0f} jobs/s, {rate / base:.2f} times; broker {broker:.0f} µs a job"
    for name, rates in peers.items():
        rows[f"{name}, until done"] = f"{statistics.median(rates):,.0f} jobs/s"
    return rows


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.sustained", description=__doc__, epilog="example: python -m bench.sustained --jobs 20000"
    )
    parser.add_argument("--jobs", type=int, default=60_000, help="jobs of each round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved")
    parser.add_argument("--peers-bin", type=Path, default=ROOT / ".venv-bench" / "bin", help="the peers' environment")
    options = parser.parse_args()
    how = (
        f"a load that goes on: published, worked off and gone from the stream, {options.jobs:,} jobs of about 200 "
        f"bytes, one worker process, sync_interval: always, median of {options.rounds} interleaved rounds"
    )
    found, peers = uvloop.run(measure(options.jobs, options.rounds, options.peers_bin))
    print(write_figures("sustained", how, rows_of(found, peers)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
