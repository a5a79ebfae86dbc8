"""What the image holds: all that production runs, and nothing of the embedded stack, demo, tools or tests."""

import fnmatch
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import ROOT, SERVICES

COPIED = ("contracts", "schema", "services", "shared", "deploy")
LEFT_OUT = [
    line
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if (line and line[0] not in "#!*") or line.startswith("**/")
]


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Return the names in a folder that are not sent to the builder."""
    here = Path(folder).relative_to(ROOT).as_posix()
    return {
        name
        for name in names
        for pattern in LEFT_OUT
        if fnmatch.fnmatch(f"{here}/{name}", pattern) or fnmatch.fnmatch(name, pattern.removeprefix("**/"))
    }


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /app of the image."""
    app = tmp_path_factory.mktemp("image") / "app"
    for name in COPIED:
        shutil.copytree(ROOT / name, app / name, ignore=_left_out)
    return app


def _run(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(image / "shared"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=image, env=environ, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own programs


def test_the_dockerfile_copies_what_is_tested_here() -> None:
    """The folders, by name."""
    copied = [line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    assert set(COPIED) <= set(copied)
    assert not {"demo", "tools", "tests", "bench", "."} & set(copied)


def test_nothing_of_the_embedded_stack_is_in_the_image(image: Path) -> None:
    """Nor samples of contracts, which are for tests."""
    assert not (image / "shared" / "nightshift" / "embedded").exists()
    assert not (image / "contracts" / "samples").exists()
    assert (image / "shared" / "nightshift" / "cli").is_dir()


@pytest.mark.parametrize(
    "program",
    [
        *(f"services.{name}" for name in SERVICES),
        *("nightshift.cli", "nightshift.runtime.provision", "nightshift.scheduler"),
        *("deploy.credentials", "deploy.exporter"),
    ],
)
def test_every_program_of_the_image_starts(image: Path, program: str) -> None:
    """Its --help imports all that it needs; the image has it."""
    ran = _run(image, program, "--help")
    assert (ran.returncode, "usage:" in ran.stdout) == (0, True), ran.stderr


def test_up_is_not_for_the_image(image: Path) -> None:
    """It says so in a sentence."""
    ran = _run(image, "nightshift.cli", "up")
    assert (ran.returncode, "the embedded stack is not installed here" in ran.stderr) == (2, True)
