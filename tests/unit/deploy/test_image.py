"""What the image holds: all that production runs, and nothing of the embedded stack, demo, tools or tests."""

import fnmatch
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.contract.catalogue import load_catalogue
from nightshift.topology.producers import ProducersError, read_producers
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


def test_a_checkout_that_is_its_owners_alone_makes_an_image_for_all(tmp_path: Path) -> None:
    """`umask 077; git clone`: what is copied is made readable before anything is done with it, folders too."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert lines.index("RUN chmod -R a+rX .") < next(n for n, line in enumerate(lines) if "compileall" in line)
    file = tmp_path / "producers.toml"
    file.write_text("")
    file.chmod(0o600)
    own, catalogue = os.geteuid(), load_catalogue()
    os.seteuid(65_534 if own == 0 else own)
    file_of_another = file if own == 0 else Path("/etc/shadow")
    try:
        with pytest.raises(ProducersError, match=r"chmod -R go\+rX \."):
            read_producers(file_of_another, catalogue, frozenset())
    finally:
        os.seteuid(own)


def test_scripts_have_the_line_ends_of_unix_on_every_machine() -> None:
    """A shell in a container reads no carriage return: Git is told so, for all texts."""
    assert (ROOT / ".gitattributes").read_text().splitlines()[0] == "* text=auto eol=lf"
    texts = [path for kind in ("*.sh", "*.conf", "*.yml", "*.toml") for path in (ROOT / "deploy").rglob(kind)]
    assert len(texts) > 5
    assert not [path for path in texts if b"\r" in path.read_bytes()]
