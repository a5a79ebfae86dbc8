"""The embedded stack and the command line in somebody's own repository, which only has Nightshift installed."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from pathlib import Path

from nightshift.embedded.own_settings import OWN_SETTINGS

CONTRACT = '''"""What may be said in a shop."""

from typing import ClassVar

from nightshift.contract.message import Message


class GreetCustomer(Message):
    """Greet a customer."""

    SUBJECT: ClassVar[str] = "jobs.shop.greet"

    name: str
'''
SERVICE = '''"""Greets."""

import sys
from pathlib import Path
from typing import Annotated

from messages import GreetCustomer
from msgspec import Meta
from nightshift import Job, Service, Settings


class ShopSettings(Settings, frozen=True, kw_only=True):
    shop_greeting: Annotated[str, Meta(description="How customers are greeted.")]


shop = Service("shop", settings=ShopSettings)


@shop.handler
async def greet_customer(message: GreetCustomer, job: Job, *, settings: ShopSettings) -> None:
    Path("greeted.txt").write_text(f"{settings.shop_greeting} {message.name}")


if __name__ == "__main__":
    sys.exit(shop.run())
'''
ENV = "# for nightshift up, and for tests\nSHOP_GREETING='Good day'\n"
NAMES = {"CONTRACTS_PACKAGE": "messages", "SERVICES_PACKAGE": "workers"}


def _project(folder: Path) -> None:
    """A repository with one kind of message and one service, which requires a setting of its own."""
    files = {"messages.py": CONTRACT, "workers/__init__.py": "", "workers/shop/__main__.py": SERVICE, OWN_SETTINGS: ENV}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


async def _run(folder: Path, *command: str) -> tuple[int | None, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | NAMES
    process = await create_subprocess_exec(
        sys.executable, "-P", "-m", "nightshift.cli", *command, cwd=folder, env=environ, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, output.decode()


async def test_a_job_of_another_repository_is_done(tmp_path: Path) -> None:
    """`nightshift up` there runs its services, and `nightshift send` knows its messages and finds the stack.

    What its services require is in its file of settings; what is set for all of them counts for the commands, too.
    """
    _project(tmp_path)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | NAMES
    command = [sys.executable, "-P", "-m", "nightshift.cli", "up", "--set", "SCHEDULES_FILE=nowhere.toml"]
    command += ["--replicas", "scheduler=0"]
    up = await create_subprocess_exec(*command, cwd=tmp_path, env=environ, stdout=PIPE, stderr=STDOUT)
    try:
        assert up.stdout is not None
        said = ""
        async with asyncio.timeout(60):
            while "Everything is ready" not in said:
                line = (await up.stdout.readline()).decode()
                assert line, said
                said += line
        code, output = await _run(tmp_path, "send", "shop.greet", '{"name": "Ada"}', "--wait")
        assert (code, "done after" in output) == (0, True), output
        assert (tmp_path / "greeted.txt").read_text() == "Good day Ada"
        assert (tmp_path / "var" / "up" / "nightshift.db").exists()
        code, output = await _run(tmp_path, "workers", "list", "--sample", "0s", "--json")
        services = sorted(worker["service"] for worker in json.loads(output))
        assert (code, services) == (0, ["shop"])
        code, output = await _run(tmp_path, "cron", "list")
        assert (code, "nowhere.toml" in output, "the file cannot be read" in output) == (2, True, True), output
        assert "nightshift send TYPE JSON" in said
    finally:
        if up.returncode is None:
            up.terminate()
        await up.communicate()


async def test_a_file_of_settings_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """The file and the word in it, before anything is left half started."""
    (tmp_path / OWN_SETTINGS).write_text("SHOP_GREETING=Good day\n")
    code, output = await _run(tmp_path, "up", "--no-services")
    assert code == 1
    assert f"The stack could not start: {tmp_path / OWN_SETTINGS} cannot be read: 'day' is not of the form" in output
    assert "Traceback" not in output


async def test_without_contracts_every_command_says_what_is_missing(tmp_path: Path) -> None:
    """Exit code 2, and the setting to look at."""
    code, output = await _run(tmp_path, "queues", "list")
    assert (code, "CONTRACTS_PACKAGE: there is no package 'messages'" in output) == (2, True), output
