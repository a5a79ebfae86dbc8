"""Requests per second of the gateway, beside a bare route of the same server in one run: `python -m bench.gateway`."""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench import http_load
from bench.http_load import Load, post
from bench.processor_time import processor_seconds
from bench.report import write_figures
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack

CALLERS = 100
BATCH = 1000
BATCH_CALLERS = 4
JOB = {"to": "ada@example.com", "subject": "Hello", "body": "<p>" + "x" * 130 + "</p>"}
"""A body of about 200 bytes."""


@dataclass
class Rounds:
    """What a way of sending did, round by round: rates, what each took of the server, each request's milliseconds."""

    rates: list[float] = field(default_factory=list)
    processor_us: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    def add(self, load: Load, per_request: int, processor_seconds: float) -> None:
        """Add a round, in which each request stood for so many jobs, and the server computed for so long."""
        count = len(load.latencies_ms) * per_request
        self.rates.append(load.rate * per_request)
        self.processor_us.append(processor_seconds / count * 1e6)
        self.latencies_ms += load.latencies_ms

    def figure(self, unit: str) -> str:
        """Return the median rate, with the latencies and the server's own time for each."""
        p50, p99 = (statistics.quantiles(self.latencies_ms, n=100)[percent - 1] for percent in (50, 99))
        rate, own = statistics.median(self.rates), statistics.median(self.processor_us)
        return f"{rate:,.0f} {unit}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {own:.0f} µs of its server's processor each"


@dataclass(frozen=True)
class Way:
    """A way of sending: to which process, where, what, by how many callers, and the status of each answer."""

    title: str
    pid: int
    port: int
    requests: Callable[[int], list[bytes]]
    count: int
    callers: int
    status: int = 202
    jobs: int = 1
    unit: str = "requests"
    before: Callable[[], Awaitable[object]] | None = None


@dataclass(frozen=True)
class Servers:
    """What is measured: the process of the gateway, that of the bare route and its port, and a key."""

    stack: Stack
    gateway_pid: int
    bare_pid: int
    bare_port: int
    key: str


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator["Servers"]:
    """Run the stack with the gateway and, beside it, the bare route."""
    stack = Stack(folder)
    await stack.start()
    (bare,) = free_ports(1)
    gateway = Service(stack, "gateway", extra={"GATEWAY_REQUESTS_PER_SECOND": "1000000"})
    reference = stack.process("bench.bare_route", extra={"GATEWAY_PORT": str(bare)})
    try:
        await stack.provision()
        await gateway.start()
        await gateway.ready()
        made = json.loads(
            await stack.run("nightshift.cli", "keys", "create", "bench", "--scope", "jobs:write", "--json")
        )
        yield Servers(stack, gateway.process.pid, reference.pid, bare, made["key"])
    finally:
        await reference.kill()
        await gateway.kill()
        await stack.kill()


def ways(servers: Servers, requests: int, callers: int, empty: Callable[[], Awaitable[object]]) -> list[Way]:
    """Return every way, in the order in which they take turns."""
    headers = {"Authorization": f"Bearer {servers.key}", "Content-Type": "application/json"}
    pid, port, body = servers.gateway_pid, servers.stack.gateway_port.number, json.dumps(JOB).encode()
    batch = json.dumps({"jobs": [{"body": JOB}] * BATCH}).encode()
    one = post("/v1/jobs/email.send", body, headers)
    many = post("/v1/jobs/email.send/batch", batch, headers)
    refused = post("/v1/jobs/email.send", body, {**headers, "Authorization": f"Bearer {servers.key[:-1]}x"})
    batches = max(BATCH_CALLERS, requests // BATCH)
    return [
        Way(
            "a bare route of the same server",
            servers.bare_pid,
            servers.bare_port,
            lambda n: [post("/bare", body, headers)] * n,
            requests,
            callers,
        ),
        Way("POST /v1/jobs/email.send", pid, port, lambda n: [one] * n, requests, callers, before=empty),
        Way(
            f"batches of {BATCH:,}",
            pid,
            port,
            lambda n: [many] * n,
            batches,
            BATCH_CALLERS,
            jobs=BATCH,
            unit="jobs",
            before=empty,
        ),
        Way("refused: a wrong key", pid, port, lambda n: [refused] * n, requests, callers, status=401),
    ]


async def measure(requests: int, callers: int, rounds: int) -> dict[str, tuple[Way, Rounds]]:
    """Every way in turn, round by round."""
    measured: dict[str, tuple[Way, Rounds]] = {}
    with tempfile.TemporaryDirectory() as name:
        async with running(Path(name)) as servers:
            connection = await connect(ProcessSettings(nats_url=servers.stack.broker.url), name="bench")
            for number in range(rounds):
                for way in ways(servers, requests, callers, lambda: _emptied(connection)):
                    if way.before:
                        await way.before()
                    began = processor_seconds(way.pid)
                    load = await http_load.send(way.port, way.requests(way.count), way.callers)
                    computed = processor_seconds(way.pid) - began
                    load.expect(way.status)
                    _, found = measured.setdefault(way.title, (way, Rounds()))
                    found.add(load, way.jobs, computed)
                    print(f"  round {number + 1}  {way.title:<36}{found.rates[-1]:>10,.0f} {way.unit}/s", flush=True)
            await connection.close()
    return measured


async def _emptied(connection: Connection) -> None:
    await manage(connection, "STREAM.PURGE.EMAIL")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gateway", description=__doc__, epilog="example: python -m bench.gateway --requests 5000"
    )
    parser.add_argument("--requests", type=int, default=20_000, help="requests per way and round (20000)")
    parser.add_argument("--callers", type=int, default=CALLERS, help=f"at the same time ({CALLERS})")
    parser.add_argument("--name", default="gateway", help="of the file in bench/results (gateway)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved (3)")
    options = parser.parse_args()
    measured = uvloop.run(measure(options.requests, options.callers, options.rounds))
    rows = {title: rounds.figure(way.unit) for title, (way, rounds) in measured.items()}
    bare, ours = (rounds for _, rounds in list(measured.values())[:2])
    share = statistics.median(ours.rates) / statistics.median(bare.rates)
    alone = statistics.median(bare.processor_us) / statistics.median(ours.processor_us)
    rows["enqueue, of the bare route"] = f"{share:.0%}; by its server's processor time {alone:.0%}"
    how = f"median of {options.rounds} rounds, {options.callers} callers (batches: {BATCH_CALLERS})"
    where = "one process of the gateway, client and broker beside it, sync_interval: always"
    print(write_figures(options.name, f"{how}, {where}", rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
