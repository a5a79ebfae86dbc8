"""What `make` does beyond running a program: the list of commands, and what is removed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository import ROOT

MAKE = shutil.which("make") or "make"


def make(folder: Path, *arguments: str) -> str:
    """Runs make with the project's Makefile in a folder; returns what it said."""
    elsewhere = () if folder == ROOT else ("-f", str(ROOT / "Makefile"))
    command = [MAKE, "--no-print-directory", *elsewhere, *arguments]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    run = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own
    return run.stdout


def test_make_alone_lists_every_command() -> None:
    """All that are declared as such, with a sentence each."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    listed = re.findall(r"^  make (\S+) +\S", make(ROOT), re.MULTILINE)
    assert sorted(listed) == sorted(" ".join(declared).split())
    assert listed == re.findall(r"^([a-z-]+):(?!=)", text, re.MULTILINE)


def test_up_hands_settings_to_the_services() -> None:
    """Those of the shell are not passed on, so that it takes the words of SET."""
    said = make(ROOT, "--dry-run", "up", "SET=LOG_LEVEL=debug OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
    assert (
        "-m nightshift.embedded.up --set 'LOG_LEVEL=debug' --set 'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318'"
        in said
    )


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder with what a demo, `make up` and the tools leave."""
    for name in ("var/demo-1", "var/up", ".mypy_cache", "docs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "var/up/stack.lock").write_text("999999999\n")
    return tmp_path


def test_clean_names_what_it_removes_and_keeps_the_state_of_make_up(left: Path) -> None:
    """Jobs and mails of days are not gone by a word that sounds like tidying up."""
    said = make(left, "clean")
    assert said.splitlines() == [
        "removing var/demo-1",
        "keeping  var/up, the state of make up (ALL=1 removes it)",
        "removing .mypy_cache",
    ]
    assert sorted(path.name for path in left.rglob("*")) == ["docs", "stack.lock", "up", "var"]


def test_clean_removes_the_state_of_make_up_when_told_to(left: Path) -> None:
    """With ALL=1."""
    assert "removing var/up" in make(left, "clean", "ALL=1")
    assert not (left / "var" / "up").exists()


def test_clean_leaves_a_running_stack_alone(left: Path) -> None:
    """Whose process is alive, which the lock names."""
    (left / "var/up/stack.lock").write_text(f"{os.getpid()}\n")
    assert f"keeping  var/up, where a stack runs (process {os.getpid()})" in make(left, "clean", "ALL=1")
    assert (left / "var" / "up").is_dir()
