"""What README and docs/gateway.md type with curl, typed as it stands there beside a running stack."""

import asyncio
import json
import re
import shlex
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.harness import eventually
from tests.repository import ROOT
from tests.servers import absent, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
FIRST_LINE = re.compile(r"^(?:KEY|GATEWAY)=.*\n", re.MULTILINE)


def block(text: str, section: str) -> str:
    """The first shell block of a section; of the head of a page, where the section is empty."""
    (found, *_) = re.findall(r"```sh\n(.*?)```", text.partition(section)[2] if section else text, re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
async def running(stack: Stack) -> AsyncIterator[Stack]:
    """A stack as `make up` leaves it, with the services that the commands need, and its key."""
    if shutil.which("curl") is None:
        absent("curl is not on this machine: apt-get install curl")
    await stack.provision()
    said = await stack.run("demo.first_steps", str(stack.folder))
    assert str(stack.folder / "gateway-key") in said
    assert stack.gateway_url in said
    async with serving(*(Service(stack, name) for name in ("gateway", "upload", "email", "webhook"))):
        yield stack


async def shell(stack: Stack, commands: str, **variables: str) -> str:
    """Types commands in a shell, at the stack's address and with its key; returns what they printed."""
    key = (stack.folder / "gateway-key").read_text()
    given = {"GATEWAY": stack.gateway_url, "KEY": key, **variables}
    script = [f"{name}={value}" for name, value in given.items()]
    script.append(f'nightshift() {{ {shlex.quote(sys.executable)} -m nightshift.cli "$@"; }}')
    script.append(FIRST_LINE.sub("", commands).replace("curl ", "curl --no-progress-meter "))
    command = ("bash", "-euc", "\n".join(script))
    settings = clean_environment() | stack.environment()
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=settings, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def typed(stack: Stack, commands: str, **variables: str) -> list[Any]:
    """The same; returns the answers, in order."""
    return list(_documents(await shell(stack, commands, **variables)))


def _documents(text: str) -> Any:
    """JSON documents one after the other, without anything between them."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        found, position = decoder.raw_decode(text, position)
        yield found
        position += len(text[position:]) - len(text[position:].lstrip())


async def test_the_commands_of_the_readme_are_accepted(running: Stack) -> None:
    """A file and a job."""
    commands = block(README, "## Over HTTP")
    assert FIRST_LINE.search(commands)
    file, job = await typed(running, commands)
    assert file["processing"] is True
    assert job["job"]["type"] == "email.send"


async def test_the_first_screen_of_the_page_works_as_it_is_typed(running: Stack) -> None:
    """A file, a job, and what became of it."""
    file, job, state = await typed(running, block(PAGE, ""))
    assert file["processing"] is True
    assert job["job"]["id"] == "user:first-user:welcome-17"
    assert (state["id"], state["state"] in {"accepted", "done"}) == (job["job"]["id"], True)


async def test_raw_uploads_and_both_ways_to_wait_work_as_they_are_typed(running: Stack) -> None:
    """The file's id is the only thing that whoever reads has to put in."""
    upload, events, wait = block(PAGE, "## Files").strip().splitlines()
    (file,) = await typed(running, upload)
    (state,) = await typed(running, wait, ID=file["file"]["id"])
    assert state["status"] == "processed"
    assert "event: processed" in await shell(running, events, ID=file["file"]["id"])


async def test_the_provider_that_make_up_names_can_be_played_as_it_is_typed(running: Stack) -> None:
    """The gateway knows its secret, and so does the command line."""
    (line,) = re.findall(
        r"^  \S*(nightshift webhooks .*)", await running.run("demo.first_steps", str(running.folder)), re.MULTILINE
    )
    assert 'the gateway answered 200: {"received":true}' in await shell(running, line)


async def test_a_webhook_is_played_and_listed_as_the_readme_types_it(running: Stack) -> None:
    """It is accepted, and by and by has a row that says what became of it."""
    said = await shell(running, block(README, "## Webhooks"))
    assert said.startswith('the gateway answered 200: {"received":true')

    async def is_done() -> bool:
        listed = await shell(running, "nightshift webhooks list --json")
        return "done" in {event["outcome"] for event in json.loads(listed)}

    await eventually(is_done, what="the event is worked off")


async def test_a_key_is_made_once(running: Stack) -> None:
    """The next start of the stack prints the same."""
    before = (running.folder / "gateway-key").read_text()
    assert before in await running.run("demo.first_steps", str(running.folder))
    assert (running.folder / "gateway-key").stat().st_mode & 0o077 == 0


def test_the_link_of_the_readme_leads_to_the_page() -> None:
    """Both are there."""
    assert "(docs/gateway.md)" in README
    assert Path(ROOT / "contracts" / "openapi.json").is_file()
