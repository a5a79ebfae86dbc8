"""The version that a process says is the one that is released, with the revision that it was built from."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nightshift import version
from nightshift.version import VERSION
from tests.repository import ROOT, SERVICES


def test_the_version_is_said_once() -> None:
    """`pyproject.toml` and the program agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION


def package(root: Path) -> Path:
    """A package where a checkout has it."""
    folder = root / "shared" / "nightshift"
    folder.mkdir(parents=True)
    return folder


def git(root: Path, *words: str) -> str:
    """What git says."""
    command = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - the test's own words


def test_a_build_says_the_revision_that_was_written_into_it(tmp_path: Path) -> None:
    """Wheel and image have a file, whatever lies around them."""
    (tmp_path / version.REVISION_FILE).write_text("5335ac3cc8db\n", encoding="utf-8")
    assert version.revision(tmp_path) == "5335ac3cc8db"


def test_a_checkout_says_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    """As git has it, with or without tags."""
    (package(tmp_path) / "version.py").write_text("1", encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["tag", "v1"]):
        git(tmp_path, *words)
    commit = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert version.revision(tmp_path / "shared" / "nightshift") == commit
    (tmp_path / "shared" / "nightshift" / "version.py").write_text("2", encoding="utf-8")
    assert version.revision(tmp_path / "shared" / "nightshift") == f"{commit}-dirty"


def test_an_installed_package_does_not_say_the_revision_of_a_repository_around_it(tmp_path: Path) -> None:
    """A virtual environment inside of an application's checkout."""
    site = tmp_path / "lib" / "site-packages" / "nightshift"
    site.mkdir(parents=True)
    git(tmp_path, "init", "-q")
    assert version.revision(site) == ""


@pytest.mark.parametrize(
    "program",
    [
        *(f"services.{name}" for name in SERVICES),
        *("nightshift.cli", "nightshift.runtime.provision", "nightshift.scheduler", "deploy.exporter"),
    ],
)
def test_every_program_says_its_version(program: str) -> None:
    """On standard output, without any setting."""
    command = [sys.executable, "-m", program, "--version"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own programs
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f" {version.full_version()}\n" in ran.stdout
