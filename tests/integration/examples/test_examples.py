"""The examples, run as their page says, on a real stack."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightshift.config.project import Project
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.harness import eventually
from tests.repository import ROOT
from tests.servers import running, serving

PAGE = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
CONTRACTS = "examples.newsletter.contracts"


@pytest.fixture(scope="module")
async def newsletter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack on which the newsletter runs, as the page's first block starts it."""
    assert f"CONTRACTS_PACKAGE={CONTRACTS} SERVICES_PACKAGE=examples" in PAGE
    folder = tmp_path_factory.mktemp("newsletter")
    for name in ("issues", "letterbox"):
        (folder / name).mkdir()
    (folder / "issues" / f"{datetime.now(UTC):%G-W%V}.txt").write_text("Nothing happened.\n", encoding="utf-8")
    project = Project(ROOT, contracts=CONTRACTS, services="examples")
    assert project.service_names() == ["newsletter"]
    settings = {
        "ISSUES_FOLDER": str(folder / "issues"),
        "LETTERBOX_FOLDER": str(folder / "letterbox"),
        "READERS": "ada,bob",
    }
    (up,) = re.findall(r"^nightshift up --set .*$", PAGE, re.MULTILINE)
    assert set(re.findall(r"--set (\w+)=", up)) == set(settings)
    async with running(Stack(folder / "stack", project=project)) as stack:
        await stack.provision()
        async with serving(Service(stack, "newsletter", extra=settings)):
            yield stack


async def typed(stack: Stack, line: str) -> str:
    """Type a line of the page into a shell that reaches a stack; return what it printed."""
    line = re.sub(r"^nightshift ", f"'{sys.executable}' -m nightshift.cli ", line)
    line = re.sub(r"^python ", f"'{sys.executable}' ", line)
    environ = {**os.environ, **stack.environment(), "TZ": "UTC"}
    process = await asyncio.create_subprocess_shell(line, cwd=ROOT, env=environ, stdout=PIPE, stderr=STDOUT)
    assert process.stdout is not None
    output = b""
    try:
        async with asyncio.timeout(60):
            async for said in process.stdout:
                output += said
            await process.wait()
    except TimeoutError:
        process.kill()
    assert process.returncode == 0, output.decode()
    return output.decode()


def delivered(folder: Path, reader: str) -> int:
    """Return how many issues are in a reader's letterbox."""
    return len(list(folder.glob(f"{reader}-*.txt")))


async def test_the_newsletter_is_sent_by_hand_and_by_its_schedule(newsletter: Stack) -> None:
    """One mail that is asked for, then one for each reader."""
    letterbox = newsletter.folder.parent / "letterbox"
    send, by_schedule = re.findall(r"^nightshift (?:send|cron run) .*$", PAGE, re.MULTILINE)
    await typed(newsletter, send)
    await eventually(lambda: delivered(letterbox, "ada") == 1)
    await typed(newsletter, by_schedule)
    await eventually(lambda: (delivered(letterbox, "ada"), delivered(letterbox, "bob")) == (2, 1))


async def test_a_program_awaits_what_a_job_returns(newsletter: Stack) -> None:
    """The name of the file, or that it will never come; the same again has the same answer."""
    letterbox = newsletter.folder.parent / "letterbox"
    (line,) = re.findall(r"^python -m examples.newsletter.*$", PAGE, re.MULTILINE)
    for _ in range(2):
        said = await typed(newsletter, line)
        assert [f"it is in {path.name}\n" for path in letterbox.glob("bob-*-*-bob.txt")] == [said]
    impossible = await typed(newsletter, line.replace("bob", "../root"))
    assert impossible == "it will never be delivered: permanent\n"


def test_the_page_names_every_example() -> None:
    """Each module has its line."""
    modules = {path.relative_to(ROOT / "examples").as_posix() for path in (ROOT / "examples").rglob("*.py")}
    named = set(re.findall(r"\]\(([\w/.]+)\)", PAGE))
    missing = {
        name
        for name in modules
        if name not in named and not name.endswith("__init__.py") and str(Path(name).parent) not in named
    }
    assert not missing
