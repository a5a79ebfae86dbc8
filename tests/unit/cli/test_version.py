"""The version that a process says is the one that is released."""

import tomllib
from pathlib import Path

from nightshift.version import VERSION


def test_the_version_is_said_once() -> None:
    """`pyproject.toml` and the program agree."""
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION
