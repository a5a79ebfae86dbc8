"""Every file of a release, made from a tree that is one, by the very lines of the release workflow."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from nightshift.version import VERSION
from tests.servers import absent
from tools import release

IMAGE, DIGEST = "registry.example.com/team/nightshift", f"sha256:{'1' * 64}"
_WORKFLOW = yaml.safe_load((release.ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
CHECK, MAKE = [
    step["run"] for step in _WORKFLOW["jobs"]["release"]["steps"] if " tools.release " in step.get("run", "")
]
"""The two steps that are ours."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree whose changelog says that it is this version's release."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("contracts", "deploy", "schema", "shared", "tools"):
        shutil.copytree(release.ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(release.ROOT / "pyproject.toml", tree)
    changelog = (release.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (tree / "CHANGELOG.md").write_text(changelog.replace("[Unreleased]", f"[{VERSION}]", 1), encoding="utf-8")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Release"]):
        named = ("-c", "user.name=Nightshift", "-c", "user.email=nightshift@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *named, *command], cwd=tree, check=True)  # noqa: S603, S607 - in a folder of the test's own
    return tree


def run(tree: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a step of the workflow as it stands there, after the image was pushed."""
    (tree.parent / "image.json").write_text(json.dumps({"containerimage.digest": DIGEST}), encoding="utf-8")
    environment = os.environ | {
        "VERSION": f"v{VERSION}",
        "IMAGE": IMAGE,
        "RUNNER_TEMP": str(tree.parent),
        "PYTHONPATH": f"{tree}:{tree / 'shared'}",
    }
    typed = ["bash", "-ec", command.replace(".venv/bin/python", shlex.quote(sys.executable))]
    return subprocess.run(typed, cwd=tree, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours


@pytest.fixture(scope="module")
def dist(tree: Path) -> Path:
    """The folder that the workflow's step makes."""
    if shutil.which("jq") is None:
        absent("jq is missing: apt-get install jq")
    made = run(tree, MAKE)
    assert made.returncode == 0, made.stdout + made.stderr
    return tree / "dist"


def test_the_tree_is_checked_and_its_section_is_told(tree: Path) -> None:
    """By the step before the image."""
    told = run(tree, CHECK)
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == release.section((tree / "CHANGELOG.md").read_text(encoding="utf-8"), VERSION)


def test_every_file_is_there_with_its_sum(dist: Path) -> None:
    """Wheel, source distribution, manifests, bill of materials, the release's text."""
    lines = (dist / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert {re.sub(r"nightshift[-_]jobs", "library", name.replace(VERSION, "V")) for name in sums} == {
        "library-V-py3-none-any.whl",
        "library-V.tar.gz",
        "nightshift-V.cdx.json",
        "nightshift-kubernetes-V.tar.gz",
        "notes.md",
    }
    assert {name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in sums} == sums


def test_the_wheel_says_of_which_commit_it_is(tree: Path, dist: Path) -> None:
    """`nightshift --version` of whoever installed it."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    head = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout  # noqa: S603 - as above
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        assert files.read("nightshift/revision.txt").decode() == head
    assert not (tree / "shared" / "nightshift" / "revision.txt").exists()


def test_the_manifests_name_the_image_of_the_release(dist: Path, tmp_path: Path) -> None:
    """As kustomize renders them: its tag, and the digest that was pushed; nothing else is left to be named."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        absent("kubectl is not installed, which kustomize is part of")
    with tarfile.open(dist / f"nightshift-kubernetes-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    command = [kubectl, "kustomize", str(tmp_path / "kubernetes")]
    rendered = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    assert rendered.returncode == 0, rendered.stderr
    assert set(re.findall(r"image: (\S+)", rendered.stdout)) == {f"{IMAGE}:{VERSION}@{DIGEST}"}


def test_the_bill_of_materials_is_valid_and_has_what_the_image_is_built_from(tree: Path, dist: Path) -> None:
    """By the schema of CycloneDX; each package with version and hashes, as the lock has it."""
    text = (dist / f"nightshift-{VERSION}.cdx.json").read_text(encoding="utf-8")
    bill: dict[str, Any] = json.loads(text)
    assert JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(text) is None
    locked = re.findall(
        r"^([\w.-]+)==(\S+)", (tree / "deploy/requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {(one["name"], one["version"]) for one in bill["components"]} == set(locked)
    assert all(any(ref.get("hashes") for ref in one["externalReferences"]) for one in bill["components"])
    assert bill["metadata"]["component"]["version"] == VERSION


def test_a_folder_that_holds_something_is_refused(tree: Path, dist: Path) -> None:
    """What is uploaded is what was made for this release."""
    again = run(tree, MAKE)
    assert (again.returncode, f"{dist.name} is not empty" in again.stderr) == (1, True)
