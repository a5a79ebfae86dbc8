"""Console, worker or broker end amid a redrive, as by `kill -9`: it goes on, nothing is lost, nothing is done twice.

Each step needs a process of its own, so that it can be killed.
"""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from tests.harness import eventually, provisioned
from tests.integration.services.console.bulks import begin_redrive, shows
from tests.integration.services.console.harness import (
    PASSWORD,
    SAME_ORIGIN,
    Browser,
    console,
    people,
)
from tests.integration.services.console.killed_console import CANARY, INTENT, STEPS
from tests.integration.services.console.stand_in import workers
from tests.integration.services.console.test_bulk import die, ends, left
from tests.servers import listens, running

KILLED = -9
LETTERS = 12


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A file of users with an admin."""
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    return file


@asynccontextmanager
async def doomed(broker: Broker, users: Path, step: str) -> AsyncIterator[Browser]:
    """Run a console that will be killed at a step; yield an admin's browser, and find out that it was."""
    port, health = free_ports(2)
    environment = {
        "NATS_URL": broker.url,
        "CONSOLE_PORT": str(port),
        "HEALTH_PORT": str(health),
        "CONSOLE_USERS_FILE": str(users),
        "AUDIT_FILE": str(users.with_name("actions.jsonl")),
        "LOG_LEVEL": "warning",
        "PYTHONPATH": ".:shared",
    }
    command = ("-m", "tests.integration.services.console.killed_console", step)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=clean_environment() | environment)
    try:
        await eventually(lambda: listens(port), what="the console listens", timeout_seconds=60)
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=20, trust_env=False) as client:
            form = {"name": "root", "password": PASSWORD}
            assert (await client.post("/sign-in", data=form, headers=SAME_ORIGIN)).status_code == 303
            yield Browser(client)
        assert await asyncio.wait_for(process.wait(), 30) == KILLED
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def deliver_again_soon(operator: Connection) -> None:
    """Let the broker miss an acknowledgement after a second, and not after thirty."""
    config = (await manage(operator, "CONSUMER.INFO.EMAIL.email"))["config"]
    soon = config | {"ack_wait": 1_000_000_000}
    await manage(operator, "CONSUMER.DURABLE.CREATE.EMAIL.email", {"stream_name": "EMAIL", "config": soon})


def figures(page: str) -> dict[str, int]:
    """The figures of a redrive's page, by their names."""
    return {name: int(text.replace(",", "")) for name, text in re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([\d,]+)<", page)}


async def page_of_the_only(browser: Browser, error: str) -> str:
    """Return the path of the redrive of a fault."""
    await shows(browser, "/bulk", 'href="/bulk/')
    paths: list[str] = re.findall(r'href="(/bulk/[0-9a-f]{31})"', (await browser.open("/bulk")).text)
    for path in paths:
        if error in (await browser.open(path)).text:
            return path
    raise AssertionError(error)


@pytest.mark.parametrize("step", [step for step in STEPS if step != INTENT])
async def test_a_redrive_goes_on_after_the_console_was_killed(
    broker: Broker, operator: Connection, users: Path, tmp_path: Path, step: str
) -> None:
    """Every job runs once, no letter is left, its page accounts for each, and its end is recorded."""
    ids = await die(operator, f"killed when {step}", LETTERS)
    async with workers(operator, lambda _: "done") as ran:
        async with doomed(broker, users, step) as root:
            with contextlib.suppress(httpx.TransportError):
                await begin_redrive(root, f"killed when {step}", letters=LETTERS, canary=CANARY)
        async with console(tmp_path, broker, console_users_file=str(users)) as desk, desk.person("root") as root:
            path = await page_of_the_only(root, f"killed when {step}")
            text = await shows(root, path, "All were acted on")

        async def all_ran() -> bool:
            return len(ran) >= len(ids)

        await eventually(all_ran, what="every job has run")
    assert sorted(ran) == sorted(ids)
    assert await left(operator, ids) == []
    told = re.search(r'max="12" value="(\d+)"', text)
    assert told is not None
    assert int(told[1]) == LETTERS
    assert step in (await ends(operator))[-1].what
    assert (await ends(operator))[-1].turn == "done"


async def test_an_intent_without_a_redrive_says_that_it_did_not_end(
    broker: Broker, operator: Connection, users: Path, tmp_path: Path
) -> None:
    """The console ends between the record and the redrive: nothing has run, and the record does not say it had."""
    ids = await die(operator, "never begun", 3)
    async with doomed(broker, users, INTENT) as root:
        with contextlib.suppress(httpx.TransportError):
            await begin_redrive(root, "never begun", letters=3, canary=1)
    assert await left(operator, ids) == ids
    async with console(tmp_path, broker, console_users_file=str(users)) as desk, desk.person("root") as root:
        await shows(root, "/audit?action=dlq.redrive", "not ended")


async def test_a_worker_that_is_killed_amid_the_canary_delays_it_and_no_more(
    root: Browser, operator: Connection
) -> None:
    """Its jobs are delivered again, to another, which tells of their end."""
    await deliver_again_soon(operator)
    ids = await die(operator, "its worker died", 4)
    taken = await operator.jetstream().pull_subscribe_bind("email", "EMAIL")
    path = await begin_redrive(root, "its worker died", letters=4, canary=2)
    assert len([*await taken.fetch(1, timeout=10), *await taken.fetch(1, timeout=10)]) == 2
    await taken.unsubscribe()
    async with workers(operator, lambda _: "done") as ran:
        await shows(root, path, "<dt>Done</dt><dd>4</dd>")
    assert sorted(ran) == sorted(ids)


async def test_the_broker_is_killed_amid_a_redrive_which_goes_on_when_it_is_back(tmp_path: Path, users: Path) -> None:
    """Whatever it was told last: its answer may have been lost. No job has its effect twice."""
    folder = tmp_path / "broker"
    folder.mkdir()
    async with (
        running(Broker(folder)) as broker,
        provisioned(broker) as operator,
        console(tmp_path, broker, console_users_file=str(users)) as desk,
        desk.person("root") as root,
    ):
        await deliver_again_soon(operator)
        ids = await die(operator, "the broker went", 60)
        async with workers(operator, lambda _: "done") as ran:
            path = await begin_redrive(root, "the broker went", letters=60, canary=2, rate=40)

            async def is_amid() -> bool:
                return len(await left(operator, ids)) < 45

            await eventually(is_amid, what="it is on its way")
            await broker.kill()
            await broker.start()
            text = await shows(root, path, "All were acted on")
            await eventually(lambda: set(ran) == set(ids), what="every job has run")
        assert await left(operator, ids) == []
        found = figures(text)
        assert found["Dead again"] == 0
        assert re.search(r'max="60" value="60"', text)
