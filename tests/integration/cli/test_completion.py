"""What the shells offer: the scripts that the command line prints, in bash, fish and zsh themselves."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightshift.contract.wire import REASONS
from tests.repository import ROOT
from tests.servers import absent

VALUES = [
    ("nightshift queues pause ", {"email", "upload", "maintenance"}),
    ("nightshift dlq list --service ", {"email", "upload", "maintenance"}),
    ("nightshift dlq list --reason ", set(REASONS)),
    ("nightshift dlq list --type em", {"email.send"}),
    ("nightshift cron run ", {"cleanup.daily", "sync.all", "report.weekly"}),
    ("nightshift send email.send --batch READ", {"README.md"}),
    ("nightshift up --replicas em", {"email="}),
    ("nightshift up --set LOG_", {"LOG_LEVEL=", "LOG_FORMAT="}),
    ("nightshift up --folder READ", {"README.md"}),
    ("nightshift worker examples.sh", {"examples.shop.jobs"}),
    ("nightshift worker examples.shop.jobs --service em", {"email"}),
]
"""What may stand for an argument, where the shell would offer the names of files."""
OPTIONS = [
    ("nightshift --", {"--json", "--url", "--version"}),
    ("nightshift up --", {"--no-reload", "--no-services", "--replicas", "--set", "--folder", "--prepare"}),
    ("nightshift worker shop.jobs --", {"--service", "--url", "--help"}),
    ("nightshift scheduler --", {"--list", "--check", "--json", "--creds"}),
    ("nightshift gateway --", {"--url", "--help"}),
    ("nightshift provision --", {"--check", "--url"}),
    ("nightshift console --", {"--url", "--help"}),
    ("nightshift console l", {"link"}),
    ("nightshift new-project shop --", {"--folder"}),
    ("nightshift contracts shop.jobs --", {"--out", "--check", "--release"}),
    ("nightshift webhooks send stripe READ", {"README.md"}),
    ("nightshift webhooks send stripe --n", {"--new-id"}),
]
"""Those of the programs, too, which read their own arguments; also where the name of a file may stand."""


def shell(name: str) -> str:
    """Return the program of a shell."""
    return shutil.which(name) or absent(f"{name} is not on this machine: apt-get install {name}")


def script(name: str, folder: Path) -> Path:
    """Write the script that the command line prints for a shell."""
    command = [sys.executable, "-m", "nightshift.cli", "completion", name]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own program
    file = folder / f"nightshift.{name}"
    file.write_text(printed.stdout, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash."""
    return script("bash", tmp_path_factory.mktemp("completion"))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nightshift ", {"send", "queues", "jobs", "dlq", "cron", "doctor"}),
        ("nightshift queues ", {"list", "describe", "pause", "resume", "purge"}),
        ("nightshift queues pa", {"pause"}),
        ("nightshift send em", {"email.send"}),
        ("nightshift dlq redrive --ye", {"--yes"}),
        ("nightshift --json dlq ", {"list", "show", "redrive", "purge"}),
        *OPTIONS,
        *VALUES,
    ],
)
def test_bash_completes(typed: str, expected: set[str], bash: Path) -> None:
    """Commands, options and job types, where each can stand."""
    words = typed.split(" ")
    given = " ".join(f"'{word}'" for word in words)
    ask = f"COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}; _nightshift; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    command = [shell("bash"), "-c", f"source '{bash}'; {ask}"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own words
    assert expected <= set(ran.stdout.split())
    assert ran.stderr == ""
    assert "README.md" in expected or "README.md" not in ran.stdout


@pytest.fixture(scope="module")
def fish(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for fish."""
    return script("fish", tmp_path_factory.mktemp("completion"))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nightshift ", {"send", "queues", "jobs", "dlq", "cron", "doctor"}),
        ("nightshift --json dlq re", {"redrive"}),
        ("nightshift dlq redrive --ye", {"--yes"}),
        ("nightshift completion ", {"bash", "zsh", "fish"}),
        *OPTIONS,
        *VALUES,
    ],
)
def test_fish_completes(typed: str, expected: set[str], fish: Path, tmp_path: Path) -> None:
    """The same, each with what it means."""
    command = [shell("fish"), "--no-config", "-c", f"source '{fish}'; complete -C '{typed}'"]
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    ran = subprocess.run(command, cwd=ROOT, env=home, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own words
    offered = {line.partition("\t")[0] for line in ran.stdout.splitlines()}
    assert expected <= offered
    assert "README.md" in expected or "README.md" not in offered
    assert ran.stderr == ""


@pytest.fixture(scope="module")
def zsh(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Zsh"]:
    """An interactive zsh that has read its script."""
    folder = tmp_path_factory.mktemp("completion")
    with terminal([shell("zsh"), "-f", "-i"], folder) as typing:
        yield Zsh(typing, script("zsh", folder), folder)


@contextmanager
def terminal(command: list[str], folder: Path) -> Iterator[int]:
    """Run a program at a terminal; yield what is typed into it. It ends with its terminal."""
    ours, its = pty.openpty()
    environ = os.environ | {"HOME": str(folder), "ZDOTDIR": str(folder), "TERM": "dumb"}
    process = subprocess.Popen(  # noqa: S603 - our own words
        command, cwd=ROOT, env=environ, stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    os.set_blocking(ours, False)
    try:
        yield ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


class Zsh:
    """Types into a zsh, and reads the line that it has made of that."""

    def __init__(self, typing: int, file: Path, folder: Path) -> None:
        self._typing, self._line, self._told = typing, folder / "line", ""
        keep = (
            f"keep() {{ print -r -- \"$BUFFER\" > '{self._line}.new'; mv '{self._line}.new' '{self._line}'; BUFFER= }}"
        )
        self.type(f"source '{file}'; {keep}; zle -N keep; bindkey '^G' keep; touch '{folder}/ready'\n")
        self._wait_for(folder / "ready")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._typing, text.encode())

    def completed(self, typed: str) -> str:
        """Press the tab key after some words; return what stands there then."""
        self._line.unlink(missing_ok=True)
        self.type(f"{typed}\t\a")
        self._wait_for(self._line)
        return self._line.read_text(encoding="utf-8").strip()

    def _wait_for(self, file: Path) -> None:
        deadline = time.monotonic() + 20
        while not file.exists():
            assert time.monotonic() < deadline, self._told
            if select.select([self._typing], [], [], 0.02)[0]:  # what it says has to be read, or it waits
                self._told += os.read(self._typing, 65_536).decode(errors="replace")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nightshift queues pa", "nightshift queues pause"),
        ("nightshift send email.s", "nightshift send email.send"),
        ("nightshift dlq list --reason inv", "nightshift dlq list --reason invalid"),
        ("nightshift worker examples.shop.jobs --ser", "nightshift worker examples.shop.jobs --service"),
        ("nightshift up --replicas em", "nightshift up --replicas email="),
        ("nightshift send email.send --batch READM", "nightshift send email.send --batch README.md"),
    ],
)
def test_zsh_completes(typed: str, expected: str, zsh: Zsh) -> None:
    """The same script under zsh's own emulation, at a terminal."""
    assert zsh.completed(typed) == expected
