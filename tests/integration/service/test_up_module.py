"""`nightshift up shop.jobs`: the stack with the services of a module, which follows its changes."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift import Message, ProcessSettings, Publisher, connect
from nightshift.config import env_file
from tests.harness import eventually

MODULE = '''"""Jobs of a shop."""

from pathlib import Path

from nightshift import Job, Message, Service


class Greet(Message):
    SUBJECT = "jobs.shop.greet"
    name: str


shop = Service("shop")


@shop.handler
def greet(message: Greet, job: Job) -> None:
    Path("greeted.txt").write_text("Hello " + message.name)
'''
SECOND = """

class Part(Message):
    SUBJECT = "jobs.desk.part"
    name: str


desk = Service("desk")


@desk.handler
def part(message: Part, job: Job) -> None:
    Path("parted.txt").write_text("Bye " + message.name)
"""
WITH_SETTING = (
    MODULE.replace("Message, Service", "Message, Service, Settings")
    .replace(
        "class Greet", "class ShopSettings(Settings, frozen=True, kw_only=True):\n    greeting: str\n\n\nclass Greet"
    )
    .replace('Service("shop")', 'Service("shop", settings=ShopSettings)')
    .replace("job: Job)", "job: Job, *, settings: ShopSettings)")
    .replace('"Hello "', 'settings.greeting + " "')
)


class Greet(Message):
    """The module's message."""

    SUBJECT = "jobs.shop.greet"
    name: str


class Up:
    """One run of `nightshift up`, and the folder in which it runs."""

    def __init__(self, folder: Path, process: Process) -> None:
        self.folder, self.process, self.said = folder, process, ""

    async def says(self, text: str) -> None:
        """Read on until it has said it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while text not in self.said:
                line = await self.process.stdout.readline()
                assert line, self.said
                self.said += line.decode()
        self.said = self.said.partition(text)[2]

    def write(self, text: str) -> None:
        """Change the module."""
        (self.folder / "shop" / "jobs.py").write_text(text, encoding="utf-8")

    async def sends(self, job_type: str, body: str) -> None:
        """Send a job there, by the command line, which knows the module from the stack."""
        process = await create_subprocess_exec(
            *command("send", job_type, body), cwd=self.folder, env=environ(), stdout=PIPE
        )
        async with asyncio.timeout(60):
            await process.communicate()
        assert process.returncode == 0

    async def publishes(self, message: Message) -> None:
        """Publish a job as a program does that has its own idea of the module."""
        url = env_file.read(self.folder / "var" / "up")["NATS_URL"]
        connection = await connect(ProcessSettings(nats_url=url), name="web")
        try:
            await Publisher(connection).publish(message)
        finally:
            await connection.close()


def command(*typed: str) -> list[str]:
    """Return a command line."""
    return [sys.executable, "-P", "-m", "nightshift.cli", *typed]


def environ() -> dict[str, str]:
    """Return a shell's variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """It runs, in a folder whose name is not plain, and is asked to end."""
    folder = tmp_path / "mein Lädchen"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "jobs.py").write_text(MODULE, encoding="utf-8")
    process = await create_subprocess_exec(
        *command("up", "shop.jobs"), cwd=folder, env=environ(), stdout=PIPE, stderr=STDOUT
    )
    try:
        yield Up(folder, process)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), 60)


async def test_it_runs_a_modules_services_and_follows_its_changes(up: Up) -> None:
    """A changed handler, a mistake, which leaves running what ran, a second service with its own streams, a setting."""
    await up.says("Everything is ready")
    greeted = up.folder / "greeted.txt"
    await up.sends("shop.greet", '{"name": "Ada"}')
    await eventually(lambda: greeted.exists() and greeted.read_text() == "Hello Ada")

    up.write(MODULE.replace("Hello ", "Good evening "))
    await up.says("shop/jobs.py changed")
    await up.says("Everything is ready")
    await up.sends("shop.greet", '{"name": "Ada"}')
    await eventually(lambda: greeted.read_text() == "Good evening Ada")

    up.write(MODULE.replace("job: Job", "", 1))
    await up.says("shop/jobs.py:16: greet has to take (message: …, job: Job)")
    await up.says("What ran before goes on.")
    await up.publishes(Greet(name="Eve"))
    await eventually(lambda: greeted.read_text() == "Good evening Eve")

    up.write(MODULE + SECOND)
    await up.says("Everything is ready")
    await up.sends("desk.part", '{"name": "Ada"}')
    await eventually((up.folder / "parted.txt").exists)

    up.write(WITH_SETTING)
    await up.says("shop does not start with these settings:")
    await up.says("GREETING is missing")
    (up.folder / "embedded.env").write_bytes("\ufeff# As an editor on Windows leaves it.\r\nGREETING=Moin\r\n".encode())
    await up.says("embedded.env changed")
    await up.says("Everything is ready")
    await up.sends("shop.greet", '{"name": "Ada"}')
    await eventually(lambda: greeted.read_text() == "Moin Ada")


async def test_a_module_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    """Before anything is started; exit code 2."""
    process = await create_subprocess_exec(
        *command("up", "shop.jobs"), cwd=tmp_path, env=environ(), stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    said = "nightshift up: there is no package 'shop.jobs': run this in the folder that holds it, or install it\n"
    assert (process.returncode, output.decode()) == (2, said)
    assert not (tmp_path / "var").exists()
