"""The console before a large backlog: each screen's time, memory, cost to the broker: `python -m bench.console`."""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from bench.memory import resident_mb
from bench.report import write_figures
from bench.tabs import PASSWORD, Tab, sign_in
from contracts.email import SendEmail
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage, store
from nightshift.config.settings import ProcessSettings
from nightshift.console.sign_in.passwords import hash_password
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import Topology, declared_topology

TABS, ROUNDS, AT_ONCE = (1, 20, 100), 40, 500
WATCHED_SECONDS = 8.0
FEW, APART_SECONDS = 6, 1.6
"""Of pages whose answers are shared for a moment: so far apart that each is a new one."""
SCREENS = {
    "now": "/",
    "queue": "/queues/email",
    "queue, one type from the middle on": "/queues/email?type=email.send&after={middle}",
    "jobs that wait": "/jobs?state=waiting",
    "jobs that wait for a time": "/jobs?state=later",
    "dead letters, with groups": "/dead",
    "dead letters by a text of their error": "/dead?error=mailbox+99",
    "dead letters by a text that none has": "/dead?error=nothing+like+it",
    "a job that is dead, by its id": "/jobs/email.send?id=dead-777",
    "a job that is nowhere, its queue looked into": "/jobs/email.send?id=nowhere",
    "schedules": "/schedules",
    "workers": "/workers",
}


def bench_topology(*, bulk: bool) -> Topology:
    """Return the shipped streams; the queue of email is emptied job by job, or in bulk."""
    declared = declared_topology(load_catalogue())
    retention = "limits" if bulk else "workqueue"
    streams = tuple(
        msgspec.structs.replace(stream, options={**stream.options, "retention": retention})
        if stream.name == "EMAIL"
        else stream
        for stream in declared.streams
    )
    return msgspec.structs.replace(declared, streams=streams)


async def seed(connection: Connection, waiting: int, later: int, dead: int) -> None:
    """Fill queue, schedules and dead letters of email."""
    publisher, mail = Publisher(connection), SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
    for start in range(0, waiting, 1000):
        await publisher.publish_many([mail] * min(1000, waiting - start))
    at = datetime.now(UTC) + timedelta(days=1)
    for start in range(0, later, AT_ONCE):
        await asyncio.gather(*(publisher.publish_later(mail, at=at) for _ in range(start, min(later, start + AT_ONCE))))
    for start in range(0, dead, AT_ONCE):
        await asyncio.gather(*(_dead(connection, number) for number in range(start, min(dead, start + AT_ONCE))))


async def work_off(connection: Connection, jobs: int) -> None:
    """Take the first jobs and acknowledge them: a queue that is emptied in bulk keeps them for a while."""
    subscription = await connection.jetstream().pull_subscribe_bind("email", "EMAIL")
    while jobs > 0:
        messages = await subscription.fetch(min(500, jobs), timeout=10)
        await asyncio.gather(*(message.ack() for message in messages))
        jobs -= len(messages)
    await connection.flush()


async def _dead(connection: Connection, number: int) -> None:
    headers = {
        wire.JOB_ID: f"dead-{number}",
        wire.DEAD_REASON: "attempts-exhausted",
        wire.DEAD_ERROR: f"SmtpError: {550 + number % 20} no mailbox {number}",
        wire.DEAD_ATTEMPTS: "12",
        wire.DEAD_TIME: (datetime.now(UTC) - timedelta(seconds=number % 80_000)).isoformat(),
    }
    await store(
        connection, wire.dead_subject("email.send"), headers, b'{"to":"ada@example.com","subject":"Hi","body":"Hi"}'
    )


@asynccontextmanager
async def console(
    folder: Path, broker_url: str, *, role: str = "viewer", **more: str
) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    """Run a console as a process of its own; yield a client that has signed in, and its process id."""
    port, health = free_ports(2)
    people = folder / "people.toml"
    people.write_text(f'[users.ada]\nrole = "{role}"\npassword = "{hash_password(PASSWORD)}"\n', encoding="utf-8")
    environment = os.environ | {
        "NATS_URL": broker_url,
        "CONSOLE_PORT": str(port),
        "HEALTH_PORT": str(health),
        "CONSOLE_USERS_FILE": str(people),
        **more,
    }
    with (folder / "console.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nightshift.console", env=environment, stdout=log, stderr=log
        )
    async with httpx.AsyncClient(
        base_url=f"http://{LOOPBACK}:{port}", timeout=60, trust_env=False, limits=httpx.Limits(max_connections=None)
    ) as client:
        try:
            await sign_in(client)
            yield client, process.pid
        finally:
            process.terminate()
            await process.wait()


async def milliseconds(client: httpx.AsyncClient, path: str) -> str:
    """Open a page again and again; return the middle and the longest time."""
    took, shared = list[float](), path.startswith(("/queues/", "/jobs/", "/schedules"))
    for _ in range(FEW if shared else ROUNDS):
        started = time.perf_counter()
        answer = await client.get(path)
        took.append((time.perf_counter() - started) * 1000)
        answer.raise_for_status()
        await asyncio.sleep(APART_SECONDS if shared else 0)
    return f"{statistics.median(took):.1f} ms, at most {max(took):.1f} ms"


async def asked(client: httpx.AsyncClient, monitor: str, path: str, tabs: int) -> float:
    """Return the messages a second that the broker gets while so many browsers show a page whose figures change."""
    running = [asyncio.ensure_future(Tab(client, path).run()) for _ in range(tabs)]
    try:
        await asyncio.sleep(2.0)
        before, began = await _messages(monitor), time.perf_counter()
        await asyncio.wait(running, timeout=WATCHED_SECONDS)
        return (await _messages(monitor) - before) / (time.perf_counter() - began)
    finally:
        for tab in running:
            tab.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        if failed := [one for one in ended if isinstance(one, Exception)]:
            raise failed[0]


async def trickle(connection: Connection) -> None:
    """Let something change all the time: a job a second, until cancelled."""
    publisher, mail = Publisher(connection), SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
    while True:
        await publisher.publish(mail)
        await asyncio.sleep(1.0)


async def churn(client: httpx.AsyncClient, connection: Connection, pid: int, minutes: float) -> str:
    """Let dead letters come and go before a hundred open tabs; return the memory early on, and at the end."""
    pages = ("/", "/queues/email", "/dead", "/workers", "/schedules")
    running = [asyncio.ensure_future(Tab(client, pages[number % len(pages)]).run()) for number in range(TABS[-1])]
    found, until, number = list[float](), time.monotonic() + minutes * 60, 0
    try:
        while time.monotonic() < until:
            for _ in range(4):
                await asyncio.gather(*(_dead(connection, 1_000_000 + number + one) for one in range(AT_ONCE)))
                number += AT_ONCE
            await manage(connection, "STREAM.PURGE.EMAIL_DLQ", {"keep": 5_000})
            found.append(resident_mb(pid))
            await asyncio.sleep(1.0)
    finally:
        for tab in running:
            tab.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    early = found[len(found) // 4]
    return f"{early:.0f} MB early, {found[-1]:.0f} MB at the end, {max(found):.0f} MB at most; {number:,} letters came"


async def _messages(monitor: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return int((await client.get(f"{monitor}/varz")).json()["in_msgs"])


@asynccontextmanager
async def provisioned(folder: Path, declared: Topology) -> AsyncIterator[tuple[Broker, Connection]]:
    """A broker in a folder, with these streams and nothing in them, and a connection to it."""
    (folder / "broker").mkdir()
    broker = Broker(folder / "broker")
    await broker.start()
    try:
        connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
        await provision_broker(connection, declared)
        yield broker, connection
        await connection.close()
    finally:
        await broker.kill()


async def until_known(client: httpx.AsyncClient, dead: int) -> None:
    """Wait until a console knows so many dead letters of email."""
    while f"{dead:,} dead letter" not in (await client.get("/dead?service=email")).text:
        await asyncio.sleep(0.05)


async def measure(options: argparse.Namespace) -> dict[str, str]:
    """Return the rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with provisioned(folder, bench_topology(bulk=options.bulk)) as (broker, connection):
            await seed(connection, options.waiting + options.done, options.later, options.dead)
            await work_off(connection, options.done)
            started = time.perf_counter()
            async with console(folder, broker.url) as (client, pid):
                await until_known(client, options.dead)
                rows = {"from its start until every dead letter is known": f"{time.perf_counter() - started:.1f} s"}
                rows |= await screens(client, options)
                changing = asyncio.ensure_future(trickle(connection))
                for title, path in (("now", "/"), ("one queue", "/queues/email")) if options.tabs else ():
                    each = [f"{await asked(client, broker.monitoring_url, path, tabs):.0f}" for tabs in TABS]
                    titled = f"requests to the broker, {', '.join(map(str, TABS))} browsers that show {title}"
                    rows[titled] = f"{', '.join(each)} a second"
                rows["memory of the process"] = f"{resident_mb(pid):.0f} MB"
                if options.minutes:
                    titled = (
                        f"memory over {options.minutes:g} minutes with {TABS[-1]} browsers, letters coming and going"
                    )
                    rows[titled] = await churn(client, connection, pid, options.minutes)
                changing.cancel()
    return rows


async def screens(client: httpx.AsyncClient, options: argparse.Namespace) -> dict[str, str]:
    """Return how long each screen takes."""
    first = (await client.get("/queues/email")).text.partition("after=")[2].partition("#")[0]
    middle = int(first or 0) + options.waiting // 2
    return {title: await milliseconds(client, path.format(middle=middle)) for title, path in SCREENS.items()}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.console", description=__doc__, epilog="example: python -m bench.console --waiting 1000000"
    )
    parser.add_argument("--waiting", type=int, default=1_000_000, help="jobs in the queue (default: 1000000)")
    parser.add_argument("--later", type=int, default=150_000, help="jobs that wait for a time (default: 150000)")
    parser.add_argument("--dead", type=int, default=100_000, help="dead letters (default: 100000)")
    parser.add_argument("--bulk", action="store_true", help="a queue that is emptied in bulk")
    parser.add_argument("--done", type=int, default=0, help="jobs of it that are done and still there (default: 0)")
    parser.add_argument("--no-tabs", dest="tabs", action="store_false", help="no browsers that follow pages")
    parser.add_argument("--minutes", type=float, default=0, help="of letters that come and go (default: 0)")
    parser.add_argument("--name", default="console", help="of the file in bench/results (default: console)")
    options = parser.parse_args()
    rows = asyncio.run(measure(options))
    kind = f" in a queue that is emptied in bulk, with {options.done:,} that are done" if options.bulk else ""
    how = (
        f"The console before {options.waiting:,} jobs that wait{kind}, {options.later:,} that wait for a time and "
        f"{options.dead:,} dead letters; {ROUNDS} requests each, over HTTP, no worker running"
    )
    print(write_figures(options.name, how, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
