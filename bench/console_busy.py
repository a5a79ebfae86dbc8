"""The console's pages before a large backlog, while a worker works at full load: `python -m bench.console_busy`."""

import argparse
import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from bench.console import console, provisioned, seed, until_known
from bench.full_load import FullLoad, full_load
from bench.processor_time import processor_seconds
from bench.report import write_figures
from nightshift.contract.catalogue import load_catalogue
from nightshift.topology.topology import declared_topology

CONTRACTS = "contracts,bench.worker"
BETWEEN_SECONDS = 0.05
"""From an answer to the next request."""
PAGES = {
    "now": "/",
    "queue": "/queues/email?after={number}000",
    "queue of the worker": "/queues/bench?after={number}",
    "a job that is dead, by its id": "/jobs/email.send?id=dead-{number}",
    "a job that is nowhere, its queue looked into": "/jobs/email.send?id=nowhere-{number}",
    "schedules": "/schedules",
    "one schedule": "/schedules/report.weekly",
    "workers": "/workers",
}
"""Of a queue and of jobs it is another one each time, so that no answer is shared."""


class Opened(NamedTuple):
    """A page that was opened: which, the milliseconds until it was there, and the id of the request."""

    title: str
    milliseconds: float
    request: str


def visits() -> Iterator[tuple[str, str]]:
    """Yield pages and their addresses, in turn, without end."""
    for number in itertools.count(1):
        for title, path in PAGES.items():
            yield title, path.format(number=number)


async def open_pages(client: httpx.AsyncClient, load: FullLoad, seconds: float) -> list[Opened]:
    """Open pages for so many seconds of the worker's work."""
    opened, spent = list[Opened](), 0.0
    for title, path in visits():
        await load.working.wait()
        began = time.perf_counter()
        answer = await client.get(path)
        took = time.perf_counter() - began
        answer.raise_for_status()
        if load.working.is_set():
            opened.append(Opened(title, took * 1000, answer.headers["X-Request-Id"]))
        await asyncio.sleep(BETWEEN_SECONDS)
        spent += took + BETWEEN_SECONDS
        if spent >= seconds:
            break
    return opened


def in_the_server(log: Path) -> dict[str, float]:
    """Return how many milliseconds the console has worked on each request, by its id."""
    lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines() if b'"event":"request"' in line]
    return {line["request_id"]: line["duration_ms"] for line in lines}


def figures(opened: Sequence[Opened], served: dict[str, float]) -> dict[str, str]:
    """Return a row for each page."""
    rows = dict[str, str]()
    for title in PAGES:
        mine = [one for one in opened if one.title == title]
        server, whole = [served[one.request] for one in mine], [one.milliseconds for one in mine]
        rows[title] = (
            f"{statistics.median(server):.1f} ms, p99 {_p99(server):.1f} ms; "
            f"over HTTP {statistics.median(whole):.1f} ms, p99 {_p99(whole):.1f} ms"
        )
    return rows | {"of each, pages opened": f"{len(opened) // len(PAGES)}"}


def _p99(milliseconds: Sequence[float]) -> float:
    return statistics.quantiles(milliseconds, n=100, method="inclusive")[98]


async def measure(options: argparse.Namespace) -> dict[str, str]:
    """Return the rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with provisioned(folder, declared_topology(load_catalogue(CONTRACTS))) as (broker, connection):
            await seed(connection, options.waiting, options.later, options.dead)
            async with console(folder, broker.url, CONTRACTS_PACKAGE=CONTRACTS) as (client, pid):
                await until_known(client, options.dead)
                for _, path in itertools.islice(visits(), len(PAGES)):  # the first of each makes its template
                    (await client.get(path)).raise_for_status()
                async with full_load(broker.url, folder, options.jobs) as load:
                    await load.working.wait()
                    before, began = processor_seconds(pid), time.perf_counter()
                    opened = await open_pages(client, load, options.seconds)
                    share = (processor_seconds(pid) - before) / (time.perf_counter() - began)
            rows = figures(opened, in_the_server(folder / "console.log"))
    return rows | {
        "the worker meanwhile": f"{statistics.median(load.rates):,.0f} jobs/s",
        "the console meanwhile": f"{share:.0%} of a core",
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.console_busy", description=__doc__, epilog="example: python -m bench.console_busy"
    )
    parser.add_argument("--waiting", type=int, default=1_000_000, help="jobs in the queue (default: 1000000)")
    parser.add_argument("--later", type=int, default=150_000, help="jobs that wait for a time (default: 150000)")
    parser.add_argument("--dead", type=int, default=100_000, help="dead letters (default: 100000)")
    parser.add_argument("--jobs", type=int, default=200_000, help="that the worker works off at a time")
    parser.add_argument("--seconds", type=float, default=90, help="in which pages are opened (default: 90)")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    rows = asyncio.run(measure(options))
    how = (
        f"The console before {options.waiting:,} jobs that wait, {options.later:,} that wait for a time and "
        f"{options.dead:,} dead letters, beside a worker that works off no-op jobs of another queue, {options.jobs:,} "
        f"at a time, on the same cores; a page each {BETWEEN_SECONDS * 1000:.0f} ms, its time in the server first. "
        f"Load of the machine before: {load:.1f}"
    )
    print(write_figures("console_busy", how, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
