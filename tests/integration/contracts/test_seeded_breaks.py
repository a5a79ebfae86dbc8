"""The suite proves itself: a breaking change in the source of the contracts is caught by name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.contracts.samples import ROOT

COPIED = ("contracts", "schema", "shared", "services", "tools", "pyproject.toml")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of all that the contracts are made from and checked with."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def _change(tree: Path, file: str, old: str, new: str) -> None:
    path = tree / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{file} no longer has {old!r}: change this test with it"
    path.write_text(text.replace(old, new), encoding="utf-8")


def _run(tree: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tools.contracts", *options]
    done = subprocess.run(  # noqa: S603 - our own program
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "shared")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


BREAKS = {
    "removed field": (
        "contracts/email.py",
        "    reply_to: Annotated[",
        "    answer_to: Annotated[",
        "jobs.email.send: $.replyTo: field removed, since 0.1.0",
    ),
    "narrowed type": (
        "contracts/maintenance.py",
        "older_than_days: Annotated[\n        Annotated[int, Meta(ge=0, le=LONGEST_DAYS)] | None,",
        "older_than_days: Annotated[\n        Annotated[int, Meta(ge=0, le=LONGEST_DAYS)],",
        "jobs.maintenance.sessions: $.olderThanDays: type narrowed: null is no longer taken",
    ),
    "renamed header": (
        "shared/nightshift/contract/wire.py",
        'DEAD_REASON = "Dead-Reason"',
        'DEAD_REASON = "Dead-Cause"',
        "headers of dead: $.Dead-Reason: field removed, since 0.1.0",
    ),
    "tightened field": (
        "contracts/email.py",
        "max_length=500,",
        "max_length=100,",
        "jobs.email.send: $.subject: limit tightened: longest length was 500, is 100",
    ),
    "changed limit": (
        "shared/nightshift/contract/wire.py",
        "MAX_MESSAGE_BYTES = 512 * 1024",
        "MAX_MESSAGE_BYTES = 256 * 1024",
        "limits: limit tightened: bodyAndHeadersBytes was 524288, is 262144",
    ),
    "changed stream": (
        "shared/nightshift/topology/topology.py",
        "DEAD_LETTER_AGE = timedelta(days=30)",
        "DEAD_LETTER_AGE = timedelta(days=7)",
        "streams: EMAIL_DLQ: limit tightened: max_age was",
    ),
    "subject gone": (
        "contracts/upload.py",
        '"jobs.upload.process"',
        '"jobs.upload.inspect"',
        "jobs.upload.process: subject gone, which 0.1.0 has",
    ),
    "reason gone": (
        "shared/nightshift/contract/wire.py",
        ', "crash-loop", ',
        ", ",
        "deadReasons: crash-loop is gone",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "expected"), BREAKS.values(), ids=BREAKS)
def test_a_breaking_change_in_the_source_is_caught_by_name(
    tree: Path, file: str, old: str, new: str, expected: str
) -> None:
    """The check fails on it, says what broke since when, and what to do instead."""
    _change(tree, file, old, new)
    assert _run(tree)[0] == 0
    code, output = _run(tree, "--check")
    assert code == 1
    (line,) = [line for line in output.splitlines() if line.startswith(expected)][:1] or [""]
    assert line, output
    assert "stale" not in output


def test_a_change_that_was_not_generated_is_stale(tree: Path) -> None:
    """Before `make contracts`, the check names the files; a copy without changes passes."""
    assert _run(tree, "--check") == (0, "")
    _change(tree, "contracts/email.py", "max_length=500,", "max_length=900,")
    code, output = _run(tree, "--check")
    assert code == 1
    assert "contracts/schemas/jobs.email.send.json is stale: run `make contracts`, and commit it" in output
    assert "limit tightened" not in output
