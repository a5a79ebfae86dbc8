"""A worker at full load beside what is measured, until it is stopped: `python -m bench.full_load URL FOLDER`.

It works off a queue of no-op jobs, fills it anew, and so on; it says when it begins with one, and its jobs a second.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from bench import worker
from bench.quick import preload
from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.database import migrate, open_database
from nightshift.observability.log import configure


class FullLoad:
    """What another process hears of it: whether it works just now, and how fast it was each time."""

    def __init__(self) -> None:
        self.working = asyncio.Event()
        self.rates = list[float]()

    async def hear(self, said: asyncio.StreamReader) -> None:
        """Follow what it says to the end."""
        async for line in said:
            if rate := line.strip():
                self.working.clear()
                self.rates.append(float(rate))
            else:
                self.working.set()


@asynccontextmanager
async def full_load(url: str, folder: Path, jobs: int) -> AsyncIterator[FullLoad]:
    """Let a worker of the service `bench` work in a process of its own, so many jobs at a time."""
    command = (sys.executable, "-m", "bench.full_load", url, str(folder), "--jobs", str(jobs))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    load = FullLoad()
    if process.stdout is None:
        raise RuntimeError("it cannot be heard")
    hearing = asyncio.ensure_future(load.hear(process.stdout))
    try:
        yield load
    finally:
        process.terminate()
        await process.wait()
        await hearing


async def work(url: str, folder: Path, jobs: int) -> None:
    """Fill the queue and work it off again and again, until cancelled."""
    await migrate(worker.sqlite_url(folder))
    database = open_database(worker.sqlite_url(folder))
    connection = await connect(ProcessSettings(nats_url=url), name="bench")
    while True:
        await manage(connection, "STREAM.PURGE.BENCH")
        await preload(connection, jobs)
        print(flush=True)
        seconds = await worker.drain(connection, database, worker.routes(effect=False), jobs)
        print(jobs / seconds, flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.full_load",
        description=__doc__,
        epilog="example: python -m bench.full_load nats://127.0.0.1:4222 var",
    )
    parser.add_argument("url", help="of a broker that has the streams of the service `bench`")
    parser.add_argument("folder", type=Path, help="for its database")
    parser.add_argument("--jobs", type=int, default=200_000, help="jobs at a time (default: 200000)")
    options = parser.parse_args()
    with Path(os.devnull).open("a") as log:
        configure("bench", "json", stream=log)
        uvloop.run(work(options.url, options.folder, options.jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
