"""The embedded stack and the command line in somebody's own repository, which only has Nightshift installed."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from pathlib import Path

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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from messages import GreetCustomer
from nightshift.config.settings import Settings
from nightshift.messaging.job import Job
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers


async def greet_customer(message: GreetCustomer, job: Job) -> None:
    Path("greeted.txt").write_text(message.name)


@asynccontextmanager
async def handlers(settings: Settings, context: ServiceContext) -> AsyncIterator[Handlers]:
    yield {GreetCustomer: greet_customer}


if __name__ == "__main__":
    sys.exit(run("shop", Settings, handlers))
'''
NAMES = {"CONTRACTS_PACKAGE": "messages", "SERVICES_PACKAGE": "workers"}


def _project(folder: Path) -> None:
    """A repository with one kind of message and one service."""
    for path, text in {"messages.py": CONTRACT, "workers/__init__.py": "", "workers/shop/__main__.py": SERVICE}.items():
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
    """`nightshift up` there runs its services, and `nightshift send` knows its messages and finds the stack."""
    _project(tmp_path)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | NAMES
    up = await create_subprocess_exec(
        sys.executable, "-P", "-m", "nightshift.cli", "up", cwd=tmp_path, env=environ, stdout=PIPE, stderr=STDOUT
    )
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
        assert (tmp_path / "greeted.txt").read_text() == "Ada"
        assert (tmp_path / "var" / "up" / "nightshift.db").exists()
        code, output = await _run(tmp_path, "workers", "list", "--sample", "0s", "--json")
        services = sorted(worker["service"] for worker in json.loads(output))
        assert (code, services) == (0, ["scheduler", "scheduler", "shop"])
        assert "nightshift send TYPE JSON" in said
    finally:
        if up.returncode is None:
            up.terminate()
        await up.communicate()


async def test_without_contracts_every_command_says_what_is_missing(tmp_path: Path) -> None:
    """Exit code 2, and the setting to look at."""
    code, output = await _run(tmp_path, "queues", "list")
    assert (code, "CONTRACTS_PACKAGE: there is no package 'messages'" in output) == (2, True), output
