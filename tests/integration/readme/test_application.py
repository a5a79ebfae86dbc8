"""The README's tries of uploads and reports, typed as they stand there beside a running stack."""

import asyncio
import re
import shlex
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightshift.config import env_file
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.repository import ROOT
from tests.servers import serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m demo\.example_app (.*?) +# (\S+?):", README, re.MULTILINE)


@pytest.fixture(scope="module")
async def folder(stack: Stack) -> AsyncIterator[Path]:
    """The folder of a stack that runs, with the services that the tries need."""
    await stack.provision()
    async with serving(*(Service(stack, name) for name in ("upload", "report", "email"))):
        with env_file.written(stack.folder, stack.environment()):
            yield stack.folder


async def application(folder: Path, typed: str) -> tuple[int | None, str]:
    """Runs the program beside the stack of a folder; returns its exit code and what it said."""
    command = [sys.executable, "-m", "demo.example_app", "--folder", str(folder), *shlex.split(typed)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


def test_both_are_shown() -> None:
    """The two services that a bare job cannot try."""
    assert [job for _, job in COMMANDS] == ["upload.process", "report.generate"]


@pytest.mark.parametrize(("typed", "job"), COMMANDS, ids=[job for _, job in COMMANDS])
async def test_a_try_ends_with_files_to_open(folder: Path, typed: str, job: str) -> None:
    """The job is stored, worked off, and what came of it is there."""
    code, said = await application(folder, typed)
    assert (code, said.startswith(f"jobs.{job} ")) == (0, True), said
    fetched = [Path(line.strip()) for line in said.splitlines() if line.strip().startswith(str(folder))]
    assert len(fetched) == {"upload.process": 1, "report.generate": 2}[job]
    assert all(path.stat().st_size > 500 for path in fetched)


async def test_what_is_given_up_on_is_said(folder: Path, tmp_path: Path) -> None:
    """A picture that is none: exit code 1, the reason, and where to look."""
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    code, said = await application(folder, f"upload {tmp_path / 'cat.jpg'}")
    assert code == 1
    assert "it was given up on, nightshift dlq list shows it: file " in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("report user-activity", 1, "no stack runs in {folder}: start it with make up"),
        ("upload nowhere.jpg", 2, "nowhere.jpg is no file"),
        ("report gossip", 2, "choose from"),
    ],
)
async def test_what_cannot_be_tried_is_said(tmp_path: Path, typed: str, code: int, words: str) -> None:
    """Where nothing runs, where there is no such file or kind."""
    ended, said = await application(tmp_path, typed)
    assert ended == code
    assert words.format(folder=tmp_path) in said
    assert "Traceback" not in said
