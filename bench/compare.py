"""Our worker and its peers, the same no-op job, interleaved rounds: `python -m bench.compare`, or `make bench`."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.peers.roster import PEERS, Peer
from bench.report import RESULTS, Measured, write
from bench.servers import Postgres, Redis
from nightshift.embedded.processes.binaries import ProgramMissingError
from nightshift.embedded.processes.process import StartFailedError
from nightshift.embedded.servers.broker import Broker

ROOT = Path(__file__).resolve().parent.parent
WORKER_SECONDS = 120


@dataclass
class Servers:
    """What the peers talk to."""

    broker: Broker
    redis: Redis
    postgres: Postgres
    folder: Path
    peers_bin: Path

    def environment(self, jobs: int, result: Path, *, postgres: bool) -> dict[str, str]:
        """What a peer is told."""
        database = f"sqlite+aiosqlite:///{self.folder / result.stem}.db"
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "BENCH_JOBS": str(jobs),
            "BENCH_QUEUE": f"bench{uuid.uuid4().hex[:8]}",
            "BENCH_NATS_URL": self.broker.url,
            "BENCH_REDIS_PORT": str(self.redis.port),
            "BENCH_POSTGRES_URL": self.postgres.url,
            "BENCH_DATABASE_URL": self.postgres.url if postgres else database,
            "BENCH_RESULT": str(result),
        }


Load = Literal["preloaded", "paced", "sustained"]
"""How the jobs come: all before the worker begins, 100 a second, or as fast as they can while it works."""


@contextmanager
def beside(broker: Broker, folder: Path, peers_bin: Path) -> Iterator[Servers]:
    """Redis and PostgreSQL beside a broker that runs.

    Raises:
        ProgramMissingError, StartFailedError: one is not on this machine, or does not start.
    """
    with ExitStack() as stack:
        redis = Redis(folder / "redis")
        stack.callback(redis.stop)
        postgres = Postgres(folder / "postgres")
        stack.callback(postgres.stop)
        yield Servers(broker, redis, postgres, folder, peers_bin)


def run_once(servers: Servers, peer: Peer, jobs: int, load: Load = "preloaded") -> dict[str, float]:
    """Publishes and works off once; the worker is there first, unless the jobs are preloaded.

    Raises:
        RuntimeError: it did not finish; with the end of what it printed.
    """
    result = servers.folder / f"{peer.module}-{uuid.uuid4().hex[:6]}.json"
    log = result.with_suffix(".log")
    environment = servers.environment(jobs, result, postgres="postgres" in peer.worker)
    if load == "paced":
        environment["BENCH_PACED"] = "1"
    if "procrastinate" in peer.module or (peer.own and "nightshift" in peer.module):
        environment["BENCH_QUEUE"] = "bench"
    own = Path(sys.executable).parent
    binary = own if peer.own else servers.peers_bin
    # Imported under its real name, which some libraries put into the message.
    program = f"from bench.peers.{peer.module} import main; main()"
    publish = [str(binary / "python"), "-c", program, "preload", *peer.arguments]
    command = [part.format(bin=binary) for part in peer.worker]
    with log.open("wb") as output:
        if load != "preloaded":  # the queue has to exist before its worker does
            subprocess.run(
                publish, env={**environment, "BENCH_JOBS": "0"}, cwd=ROOT, stdout=output, stderr=output, check=False
            )
        else:
            subprocess.run(
                publish, env=environment, cwd=ROOT, stdout=output, stderr=output, check=True, timeout=WORKER_SECONDS
            )
        worker = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=output)
        try:
            if load != "preloaded":
                time.sleep(3)
                how = [*publish, "paced"] if load == "paced" else publish
                subprocess.run(how, env=environment, cwd=ROOT, stdout=output, stderr=output, check=True)
            return _result(result, worker, log)
        finally:
            worker.terminate()
            try:
                worker.wait(15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _result(result: Path, worker: subprocess.Popen[bytes], log: Path) -> dict[str, float]:
    deadline = time.monotonic() + WORKER_SECONDS
    while not result.exists():
        if worker.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text("utf-8", "replace")[-1500:]
            raise RuntimeError(f"ended with {worker.poll()} before all jobs were done:\n{tail}")
        time.sleep(0.02)
    numbers: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))
    return numbers


def compare(servers: Servers, peers: list[Peer], jobs: int, rounds: int, latency_jobs: int) -> list[Measured]:
    """All peers in turn, round by round."""
    measured = [Measured(peer) for peer in peers]
    for number in range(rounds):
        for entry in measured:
            if entry.error:
                continue
            try:
                count = 10 * jobs if entry.peer.own else jobs
                fast = run_once(servers, entry.peer, count)
                entry.rates.append(fast["jobs"] / max(fast["seconds"], 1e-9))
                said = f"{entry.rates[-1]:>9,.0f} jobs/s"
                if entry.peer.latency:
                    slow = run_once(servers, entry.peer, latency_jobs, "paced")
                    entry.p50_ms.append(slow["p50_ms"])
                    entry.p99_ms.append(slow["p99_ms"])
                    said += f"   p50 {slow['p50_ms']:.1f} ms   p99 {slow['p99_ms']:.1f} ms"
            except (RuntimeError, subprocess.SubprocessError) as error:
                entry.error = str(error)
                said = f"failed: {error}"
            print(f"round {number + 1}  {entry.peer.name:<46}{said}", flush=True)
    return measured


def main() -> int:
    """The command line; exit code 1 when a peer did not finish."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare",
        description=__doc__,
        epilog="example: make bench, or python -m bench.compare --only arq",
    )
    parser.add_argument("--jobs", type=int, default=5_000, help="jobs per peer and round (ours: ten times that)")
    parser.add_argument("--latency-jobs", type=int, default=500, help="jobs at 100 a second, for latency")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], help="a part of a name; may be repeated")
    parser.add_argument("--peers-bin", type=Path, default=ROOT / ".venv-bench" / "bin", help="the peers' environment")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    peers = [peer for peer in PEERS if not options.only or any(part in peer.name for part in options.only)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        broker = Broker(folder / "broker")
        loop = asyncio.new_event_loop()
        loop.run_until_complete(broker.start())
        try:
            with beside(broker, folder, options.peers_bin) as servers:
                measured = compare(servers, peers, options.jobs, options.rounds, options.latency_jobs)
        except (ProgramMissingError, StartFailedError) as missing:
            print(missing, file=sys.stderr)
            return 1
        finally:
            loop.run_until_complete(broker.kill())
            loop.close()
    print(write(measured, options.results, peers_bin=options.peers_bin))
    return 1 if any(entry.error for entry in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
