"""How soon a redrive of many dead letters begins at the console, and stops: `python -m bench.console_redrive`."""

import argparse
import asyncio
import html
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bench import worker
from bench.console import bench_topology, console, provisioned, seed, until_known
from bench.report import write_figures
from contracts.email import SendEmail
from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.database import migrate, open_database
from nightshift.messaging.job import Job
from nightshift.worker.router import route

CANARY, PER_SECOND = 10, 1000
RUNS_SECONDS, STILL_SECONDS, LONGEST_SECONDS = 3.0, 0.5, 60.0
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


async def _no_op(_message: SendEmail, _job: Job) -> None:
    """Do nothing."""


@asynccontextmanager
async def worker_of_email(connection: Connection, folder: Path) -> AsyncIterator[None]:
    """Run a worker that does nothing with mails but tell that they are done."""
    await migrate(worker.sqlite_url(folder))
    database = open_database(worker.sqlite_url(folder))
    consumers = bench_topology(bulk=False).consumers_of("email")
    routes = {SendEmail.TYPE: route(SendEmail, _no_op, inbox=False)}
    try:
        async with worker.working("email", connection, database, routes, consumers, slots=100):
            yield
    finally:
        await database.close()


async def _dead(connection: Connection) -> int:
    return int((await manage(connection, "STREAM.INFO.EMAIL_DLQ"))["state"]["messages"])


async def _until_fewer(connection: Connection, than: int) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        while await _dead(connection) >= than:
            await asyncio.sleep(0.002)


async def one_redrive(client: httpx.AsyncClient, connection: Connection) -> tuple[float, float, float]:
    """Begin to redrive all, let it run, stop it; return the seconds to its first letter, to its end, letters a second.

    Raises:
        RuntimeError: it does not begin, or stop, or a letter was redriven after it had stopped.
    """
    dead, same = await _dead(connection), {"Sec-Fetch-Site": "same-origin"}
    plan = (await client.get("/dead/redrive")).text.partition('class="card"')[2]
    form = {name: html.unescape(value) for name, value in _HIDDEN.findall(plan)}
    form |= {"canary": str(CANARY), "share": "80", "rate": str(PER_SECOND)}
    began = time.perf_counter()
    beginning = asyncio.ensure_future(client.post("/dead/redrive", data=form, headers=same))
    await _until_fewer(connection, dead)
    started = time.perf_counter() - began
    path = _of_redirect(await beginning)
    await _until_fewer(connection, dead - CANARY)
    before, clock = await _dead(connection), time.perf_counter()
    await asyncio.sleep(RUNS_SECONDS)
    rate = (before - await _dead(connection)) / (time.perf_counter() - clock)
    token = _HIDDEN.findall((await client.get(path)).text)
    began = time.perf_counter()
    _of_redirect(await client.post(f"{path}/stop", data=dict(token), headers=same))
    stopped, left = time.perf_counter() - began, await _dead(connection)
    await asyncio.sleep(STILL_SECONDS)
    if await _dead(connection) != left:
        raise RuntimeError("it has stopped, and letters are redriven still")
    return started, stopped, rate


def _of_redirect(answer: httpx.Response) -> str:
    if not answer.is_redirect:
        raise RuntimeError(f"{answer.url} answers {answer.status_code}")
    return str(answer.headers["Location"])


async def measure(dead: int, rounds: int) -> dict[str, str]:
    """Return the rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with provisioned(folder, bench_topology(bulk=False)) as (broker, connection):
            await seed(connection, 0, 0, dead)
            async with (
                console(folder, broker.url, role="operator") as (client, _),
                worker_of_email(connection, folder),
            ):
                await until_known(client, dead)
                found = [await one_redrive(client, connection) for _ in range(rounds)]
    started, stopped, rates = (sorted(column) for column in zip(*found, strict=True))
    return {
        "from the press of the button to the first letter": _ms(started),
        "from the press of the button until it has stopped": _ms(stopped),
        f"letters a second meanwhile, asked for {PER_SECOND:,}": f"{statistics.median(rates):,.0f}",
    }


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms, at most {seconds[-1] * 1000:.0f} ms"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.console_redrive", description=__doc__, epilog="example: python -m bench.console_redrive"
    )
    parser.add_argument("--dead", type=int, default=100_000, help="dead letters (default: 100000)")
    parser.add_argument("--rounds", type=int, default=5, help="redrives, each begun and stopped (default: 5)")
    options = parser.parse_args()
    rows = asyncio.run(measure(options.dead, options.rounds))
    how = (
        f"A redrive of {options.dead:,} dead letters, begun and stopped {options.rounds} times at the console as a "
        f"person does it, a canary of {CANARY} first, beside a worker whose jobs do nothing"
    )
    print(write_figures("console_redrive", how, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
