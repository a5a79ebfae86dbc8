"""From the end of a handler to whoever waits for its result over HTTP: `python -m bench.waiting`.

A caller sends a job with `Prefer: wait` and has its result in the same answer. The job is committed, told, looked up by
the gateway, and answered in that time. Worker, gateway, broker and callers are processes of their own.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from bench import worker
from bench.http_load import post
from bench.report import write_figures
from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.topology.provisioning import provision_broker

PER_SECOND = 100
PATH = "/v1/jobs/bench.run"
_CONTRACTS = {"CONTRACTS_PACKAGE": "bench.worker"}
_GATEWAY = {
    "GATEWAY_JOBS": "bench.run",
    "GATEWAY_REQUESTS_PER_SECOND": "1000000",
    "GATEWAY_EVENT_STREAMS": "5000",
} | _CONTRACTS


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[int, str]]:
    """A stack with a gateway and a worker; yields the gateway's port, and a key."""
    stack = Stack(folder)
    await stack.start()
    gateway = Service(stack, "gateway", extra=_GATEWAY)
    at_work = None
    try:
        await stack.provision()
        connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="bench")
        await provision_broker(connection, worker.bench_topology())
        await connection.close()
        at_work = stack.process("bench.waiting_worker", extra={"SLOTS": "5000"} | _CONTRACTS)
        await gateway.start()
        await gateway.ready()
        made = await stack.run("nightshift.cli", "keys", "create", "bench", "--scope", "jobs:write", "--json")
        yield stack.gateway_port.number, json.loads(made)["key"]
    finally:
        if at_work is not None:
            await at_work.kill()
        await gateway.kill()
        await stack.kill()


async def wait_for(port: int, key: str, seconds: float) -> float:
    """Send a job that takes so long; return the milliseconds from its end to the answer."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Prefer": "wait=60"}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(post(PATH, json.dumps({"payload": str(seconds)}).encode(), headers | {"Connection": "close"}))
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read()
        answered = time.time()
    finally:
        writer.close()
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"expected a result, but: {head[:20]!r} {body[:300]!r}")
    ended = float(json.loads(body)["state"]["result"]["at"])
    return (answered - ended) * 1000


Told = Callable[[float], Awaitable[float]]


async def one_by_one(told: Told, jobs: int) -> list[float]:
    """Wait for one job after the other."""
    return [await told(0.01) for _ in range(jobs)]


async def steadily(told: Told, waiters: int, seconds: int) -> list[float]:
    """Let so many wait at any time, and a hundred jobs a second end."""
    takes = waiters / PER_SECOND
    tasks: list[asyncio.Task[float]] = []
    for _ in range((seconds + 1) * PER_SECOND):
        tasks.append(asyncio.ensure_future(told(takes)))
        await asyncio.sleep(1 / PER_SECOND)
    return await asyncio.gather(*tasks)


async def at_once(told: Told, waiters: int) -> list[float]:
    """Let so many wait whose jobs end within one second."""
    tasks = []
    for number in range(waiters):
        tasks.append(asyncio.ensure_future(told(5.0)))
        if number % 10 == 9:
            await asyncio.sleep(10 / waiters)
    return await asyncio.gather(*tasks)


def figure(found: list[float]) -> str:
    """Return median and 99th percentile."""
    return f"p50 {statistics.median(found):.1f} ms, p99 {sorted(found)[int(len(found) * 0.99)]:.1f} ms"


async def measure(waiters: int, seconds: int) -> dict[str, str]:
    """Measure each way of waiting."""
    with tempfile.TemporaryDirectory() as name:
        async with running(Path(name)) as (port, key):

            def told(takes: float) -> Awaitable[float]:
                return wait_for(port, key, takes)

            await one_by_one(told, 20)
            rows = {}
            for title, found in (
                ("one waits at a time", await one_by_one(told, 200)),
                (f"{waiters:,} wait, {PER_SECOND} jobs a second end", await steadily(told, waiters, seconds)),
                (f"{waiters:,} wait, all of whose jobs end within a second", await at_once(told, waiters)),
            ):
                rows[title] = figure(found)
                print(f"  {title:<60}{rows[title]}", flush=True)
            return rows


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.waiting", description=__doc__, epilog="example: python -m bench.waiting --waiters 200"
    )
    parser.add_argument("--waiters", type=int, default=1000, help="callers that wait at the same time (1000)")
    parser.add_argument("--seconds", type=int, default=20, help="how long jobs end steadily (20)")
    options = parser.parse_args()
    rows = uvloop.run(measure(options.waiters, options.seconds))
    how = "from the end of a handler to the caller that waits for its result over HTTP, with the commit in between"
    print(write_figures("waiting", f"{how}; SQLite, sync_interval: always, one gateway and one worker", rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
