"""How late events are when very many schedules are due at once, and what waiting costs: `python -m bench.schedules`."""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from bench.processor_time import processor_seconds
from bench.report import write_figures
from nightshift.broker import Connection, connect, direct_get
from nightshift.broker.jetstream import manage
from nightshift.broker.message import StoredMessage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.processes.ports import free_ports
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import topology

ROOT = Path(__file__).resolve().parent.parent
NEVER, OFTEN = "0 0 29 2 *", "*/10 * * * * *"
"""Due on the 29th of February; due every ten seconds."""
PATIENCE_SECONDS = 120


def quantile(late: list[float], share: float) -> float:
    """The lateness that this share of events does not exceed, in milliseconds."""
    return 1000 * sorted(late)[min(int(share * len(late)), len(late) - 1)]


def seconds_late(event: StoredMessage) -> float:
    """From an event's due time until the broker had stored it."""
    due = event.headers["Nats-Msg-Id"].rpartition("@")[2]
    return event.stored_ns / 1e9 - datetime.fromisoformat(due).timestamp()


def timetable(folder: Path, count: int, schedule: str) -> Path:
    """A file with so many schedules."""
    file = folder / "schedules.toml"
    entry = '[[schedules]]\nname = "sync.n{}"\nschedule = "{}"\n'
    file.write_text("".join(entry.format(number, schedule) for number in range(count)), encoding="utf-8")
    return file


async def scheduler(broker: Broker, folder: Path, file: Path) -> Process:
    """A scheduler as a user runs it, once it is ready."""
    (port,) = free_ports(1)
    told = {"NATS_URL": broker.url, "SCHEDULES_FILE": str(file), "HEALTH_PORT": str(port), "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "services.scheduler"]
    process = Process("scheduler", command, log=folder / "log", cwd=ROOT, environment={**os.environ, **told})

    async def is_ready() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
        answer = await reader.readline()
        writer.close()
        return b" 200 " in answer

    await process.ready(is_ready, timeout_seconds=PATIENCE_SECONDS)
    return process


async def idle(broker: Broker, folder: Path, count: int, seconds: float) -> float:
    """The share of a core that a scheduler takes while nothing is due."""
    process = await scheduler(broker, folder, timetable(folder, count, NEVER))
    try:
        before = processor_seconds(process.pid)
        await asyncio.sleep(seconds)
        return (processor_seconds(process.pid) - before) / seconds
    finally:
        await process.stop()


async def lateness(broker: Broker, connection: Connection, folder: Path, count: int, times: int) -> list[list[float]]:
    """How late the events of so many due times are, of all schedules at once; the first, at the start, left out."""
    process = await scheduler(broker, folder, timetable(folder, count, OFTEN))
    wanted = count * (times + 1)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (await manage(connection, "STREAM.INFO.CRON"))["state"]["messages"] < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"fewer than {wanted} events within {PATIENCE_SECONDS} s")
            await asyncio.sleep(1)
    finally:
        await process.stop()
    events = [seconds_late(event) for event in await direct_get.read_all(connection, "CRON", "cron.sync.>")]
    return [events[start : start + count] for start in range(count, wanted, count)]


async def measure(count: int, times: int) -> dict[str, str]:
    """Both figures on a broker of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder / "broker")
        await broker.start()
        connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
        try:
            await provision_broker(connection, topology([], {}))
            idle_share = await idle(broker, folder, count, 15)
            late = await lateness(broker, connection, folder, count, times)
        finally:
            await connection.close()
            await broker.kill()
    found = [statistics.median(quantile(each, share) for each in late) for share in (0.5, 0.99)]
    worst = max(quantile(each, 0.99) for each in late)
    return {
        f"{count:,} schedules due at once": f"p50 {found[0]:,.0f} ms, p99 {found[1]:,.0f} ms late (medians of {times} "
        f"due times; the worst p99: {worst:,.0f} ms)",
        f"{count:,} schedules, none due": f"{idle_share:.1%} of a core",
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.schedules", description=__doc__, epilog="example: python -m bench.schedules --count 1000"
    )
    parser.add_argument("--count", type=int, default=10_000, help="schedules")
    parser.add_argument("--times", type=int, default=7, help="due times that are measured")
    options = parser.parse_args()
    print(
        write_figures(
            "schedules",
            "from its due time until the broker has stored the event",
            asyncio.run(measure(options.count, options.times)),
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
