"""A tag becomes a release only where the tree says the same version everywhere."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nightshift.version import VERSION
from tools import release

WORKFLOWS = release.ROOT / ".github" / "workflows"

TEXT = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [0.2.0] - 2026-01-02\n\n- two\n- more\n\n## [0.1.0]\n\n- one\n"


def test_the_section_of_a_version_ends_where_the_next_begins() -> None:
    """Without its heading."""
    assert release.section(TEXT, "0.2.0") == "- two\n- more"
    assert release.section(TEXT, "0.1.0") == "- one"
    assert release.section(TEXT, "0.3.0") == ""


def test_another_version_than_the_trees_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Every place that would have to change is named."""
    assert release.main(["v99.0.0"]) == 1
    told = capsys.readouterr().err
    for place in ("version.py", "pyproject.toml", "kustomization.yaml", "CHANGELOG.md", "contracts/released"):
        assert place in told


def test_the_trees_own_version_is_one_everywhere() -> None:
    """What is left before a tag is the changelog's heading."""
    assert [one for one in release.problems(VERSION) if "CHANGELOG" not in one] == []


@pytest.mark.parametrize("workflow", sorted(WORKFLOWS.glob("*.yml")), ids=lambda file: file.name)
def test_a_workflow_is_one_by_the_published_schema(workflow: Path) -> None:
    """A misspelt key would be told when the tag is there already."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert checked.returncode == 0, checked.stdout


def test_the_release_checks_the_tree_before_it_pushes_an_image() -> None:
    """What is published cannot be taken back."""
    steps = yaml.safe_load((WORKFLOWS / "release.yml").read_text(encoding="utf-8"))["jobs"]["release"]["steps"]
    commands = [step.get("run", "").split(" ")[:4] for step in steps]
    checked = commands.index([".venv/bin/python", "-m", "tools.release", '"$VERSION"'])
    assert checked < commands.index(["docker", "buildx", "build", "--push"])
