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

from bench.report import write_figures
from contracts.email import SendEmail
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import store
from nightshift.config.settings import ProcessSettings
from nightshift.console.sign_in.passwords import hash_password
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import declared_topology

PASSWORD = "correct horse battery"  # noqa: S105 - of this run alone
TABS, ROUNDS, AT_ONCE = 20, 40, 500
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


async def _dead(connection: Connection, number: int) -> None:
    headers = {
        wire.JOB_ID: f"dead-{number}",
        wire.DEAD_REASON: "attempts-exhausted",
        wire.DEAD_ERROR: f"SmtpError: {550 + number % 20} no mailbox {number}",
        wire.DEAD_ATTEMPTS: "12",
        wire.DEAD_TIME: (datetime.now(UTC) - timedelta(seconds=number % 80_000)).isoformat(),
    }
    await store(connection, wire.dead_subject("email.send"), headers, b'{"to":"ada@example.com","subject":"Hi"}')


@asynccontextmanager
async def console(folder: Path, broker_url: str) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    """Run a console as a process of its own; yield a client that has signed in, and its process id."""
    port, health = free_ports(2)
    people = folder / "people.toml"
    people.write_text(f'[users.ada]\nrole = "viewer"\npassword = "{hash_password(PASSWORD)}"\n', encoding="utf-8")
    environment = os.environ | {
        "NATS_URL": broker_url,
        "CONSOLE_PORT": str(port),
        "HEALTH_PORT": str(health),
        "CONSOLE_USERS_FILE": str(people),
    }
    with (folder / "console.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nightshift.console", env=environment, stdout=log, stderr=log
        )
    async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=60, trust_env=False) as client:
        try:
            await _signed_in(client)
            yield client, process.pid
        finally:
            process.terminate()
            await process.wait()


async def _signed_in(client: httpx.AsyncClient) -> None:
    form, headers = {"name": "ada", "password": PASSWORD}, {"Sec-Fetch-Site": "same-origin"}
    while True:
        try:
            await client.post("/sign-in", data=form, headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        return


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


def resident(pid: int) -> float:
    """Return the megabytes of a process that are in memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def asked(client: httpx.AsyncClient, monitor: str, path: str, tabs: int) -> float:
    """Return the messages a second that the broker gets while so many tabs show a page."""
    seconds = 4.0
    before = await _messages(monitor)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        await asyncio.gather(*(client.get(path) for _ in range(tabs)))
        await asyncio.sleep(2.0)
    return (await _messages(monitor) - before) / (time.perf_counter() - began)


async def _messages(monitor: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return int((await client.get(f"{monitor}/varz")).json()["in_msgs"])


async def measure(waiting: int, later: int, dead: int) -> dict[str, str]:
    """Return the rows of the table."""
    rows = dict[str, str]()
    declared = declared_topology(load_catalogue())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Broker(folder / "broker")
        await broker.start()
        try:
            connection = await connect(ProcessSettings(nats_url=broker.url), name="bench")
            await provision_broker(connection, declared)
            await seed(connection, waiting, later, dead)
            await connection.close()
            started = time.perf_counter()
            async with console(folder, broker.url) as (client, pid):
                while f"{dead:,} dead letter" not in (await client.get("/dead?service=email")).text:
                    await asyncio.sleep(0.05)
                rows["from its start until every dead letter is known"] = f"{time.perf_counter() - started:.1f} s"
                first = (await client.get("/queues/email")).text.partition("after=")[2].partition("#")[0]
                middle = int(first or 0) + waiting // 2
                for title, path in SCREENS.items():
                    rows[title] = await milliseconds(client, path.format(middle=middle))
                for title, path in (("now", "/"), ("one queue", "/queues/email")):
                    one = await asked(client, broker.monitoring_url, path, 1)
                    many = await asked(client, broker.monitoring_url, path, TABS)
                    rows[f"requests to the broker, 1 and {TABS} tabs of {title}"] = f"{one:.0f} and {many:.0f} a second"
                rows["memory of the process"] = f"{resident(pid):.0f} MB"
        finally:
            await broker.kill()
    return rows


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.console", description=__doc__, epilog="example: python -m bench.console --waiting 1000000"
    )
    parser.add_argument("--waiting", type=int, default=1_000_000, help="jobs in the queue (default: 1000000)")
    parser.add_argument("--later", type=int, default=20_000, help="jobs that wait for a time (default: 20000)")
    parser.add_argument("--dead", type=int, default=100_000, help="dead letters (default: 100000)")
    arguments = parser.parse_args()
    rows = asyncio.run(measure(arguments.waiting, arguments.later, arguments.dead))
    how = (
        f"The console before {arguments.waiting:,} jobs that wait, {arguments.later:,} that wait for a time and "
        f"{arguments.dead:,} dead letters; {ROUNDS} requests each, over HTTP, no worker running"
    )
    print(write_figures("console", how, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
