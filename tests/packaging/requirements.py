"""Read what the library's extras declare, and which distributions that brings."""

import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

LIBRARY = Path(__file__).resolve().parents[2] / "shared"
NAME = "nightshift-jobs"


@cache
def project() -> dict[str, object]:
    """Return the table `project` of the library's pyproject.toml."""
    loaded: dict[str, dict[str, object]] = tomllib.loads((LIBRARY / "pyproject.toml").read_text(encoding="utf-8"))
    return loaded["project"]


def extras() -> dict[str, list[str]]:
    """Return every extra with its requirements as they are written."""
    declared = project()["optional-dependencies"]
    assert isinstance(declared, dict)
    return declared


def declared(wanted: Iterable[str]) -> dict[str, Requirement]:
    """Return, by name, what the library and the wanted extras declare themselves; extras of its own are followed."""
    base = project()["dependencies"]
    assert isinstance(base, list)
    found = {one.name: one for one in map(Requirement, base)}
    for extra in wanted:
        for requirement in map(Requirement, extras()[extra]):
            if requirement.name == NAME:
                found |= declared(requirement.extras)
            elif requirement.name not in found or requirement.extras:
                found[requirement.name] = requirement
    return found


def brought(requirements: Iterable[Requirement]) -> set[str]:
    """Return the names of all distributions that requirements bring on this machine, directly or not."""
    names: set[str] = set()
    waiting = list(requirements)
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen or not _applies(requirement, {""}):
            continue
        seen.add(str(requirement))
        names.add(requirement.name)
        waiting += _needs(requirement)
    return names


def _needs(requirement: Requirement) -> Iterator[Requirement]:
    for text in distribution(requirement.name).requires or ():
        needed = Requirement(text)
        if _applies(needed, {"", *requirement.extras}):
            needed.marker = None
            yield needed


def _applies(requirement: Requirement, wanted: set[str]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in wanted)
