"""What open pages of the console cost a worker at full load: `python -m bench.console_load`."""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from bench import worker
from bench.console import console
from bench.quick import opened, preload
from bench.report import write_figures
from nightshift.broker.jetstream import manage
from nightshift.observability.log import configure

BROWSERS = (0, 1, 20)


@asynccontextmanager
async def tabs(url: str, count: int) -> AsyncIterator[None]:
    """Let so many browsers follow pages, from a process of their own."""
    if not count:
        yield
        return
    command = (sys.executable, "-m", "bench.tabs", str(count), url, "--service", "bench")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        if process.stdout is not None:
            await process.stdout.readline()
        yield
    finally:
        process.terminate()
        await process.wait()


async def measure(jobs: int, rounds: int) -> dict[str, str]:
    """Return the rows of the table."""
    rates: dict[int, list[float]] = {count: [] for count in BROWSERS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            opened(folder, bulk=False) as (broker, connection, database),
            console(folder, broker.url, CONTRACTS_PACKAGE="bench.worker") as (client, _),
        ):
            for number in range(rounds * len(BROWSERS)):
                count = BROWSERS[number % len(BROWSERS)]
                await manage(connection, "STREAM.PURGE.BENCH")
                await preload(connection, jobs)
                async with tabs(str(client.base_url), count):
                    seconds = await worker.drain(connection, database, worker.routes(effect=False), jobs)
                rates[count].append(jobs / seconds)
                print(f"  {count:>3} browsers {jobs / seconds:>10,.0f} jobs/s", flush=True)
    alone = statistics.median(rates[0])
    return {
        f"{count} browsers": f"{statistics.median(found):,.0f} jobs/s ({statistics.median(found) / alone - 1:+.1%}), "
        f"{min(found):,.0f} to {max(found):,.0f}"
        for count, found in rates.items()
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.console_load", description=__doc__, epilog="example: python -m bench.console_load"
    )
    parser.add_argument("--jobs", type=int, default=100_000, help="jobs per measure (default: 100000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, interleaved (default: 5)")
    options = parser.parse_args()
    with Path(os.devnull).open("a") as log:
        configure("bench", "json", stream=log)
        rows = uvloop.run(measure(options.jobs, options.rounds))
    how = (
        f"A worker that works off {options.jobs:,} no-op jobs beside a console and browsers that each show a page "
        f"of it; medians of {options.rounds} interleaved rounds"
    )
    print(write_figures("console_load", how, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
