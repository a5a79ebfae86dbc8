"""A tag becomes a release only where the tree says the same version everywhere."""

import pytest

from nightshift.version import VERSION
from tools import release

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


def test_the_wheel_of_a_release_is_built_from_the_folder() -> None:
    """`pip wheel shared` would fetch a stranger's package of that name: a folder is written with its dot."""
    steps = (release.ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    (built,) = [line.split() for line in steps.splitlines() if " pip wheel " in line]
    assert built[-1] == "./shared"
    assert "git rev-parse --short=12 HEAD > shared/nightshift/revision.txt" in steps
