"""Store the contracts of a release, and read those of the supported releases.

A release is a folder `contracts/released/<version>/`: schemas, topology, OpenAPI document, and the valid samples.
Delete the folder of a release that is no longer supported.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.documents.schemas import Schema
from tools.contracts.generate import FOLDER
from tools.contracts.samples import Sample, read

RELEASED = FOLDER / "released"


@dataclass(frozen=True)
class Contracts:
    """Everything that is compared: schemas by subject, headers by kind, topology, OpenAPI document, and samples."""

    version: str
    schemas: dict[str, Schema]
    headers: dict[str, Schema]
    topology: dict[str, Any]
    openapi: dict[str, Any]
    """Empty in releases that had no gateway."""
    samples: list[Sample]


def current(folder: Path = FOLDER) -> Contracts:
    """Read the current contracts, as they were generated last."""
    return _read("now", folder)


def supported(folder: Path = RELEASED) -> list[Contracts]:
    """Read every supported release, the oldest first."""
    found = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: _order(path.name))
    return [_read(path.name, path) for path in found]


def keep(version: str, source: Path = FOLDER, folder: Path = RELEASED) -> str:
    """Store the current contracts as a release; return what was done.

    Raises:
        FileExistsError: that version was released already; what was released never changes.
    """
    target = folder / version
    if target.exists():
        raise FileExistsError(f"{target} exists: what was released never changes, take the next version")
    shutil.copytree(source / "schemas", target / "schemas")
    for name in ("topology.json", "openapi.json"):
        shutil.copy(source / name, target / name)
    shutil.copytree(source / "samples", target / "samples", ignore=shutil.ignore_patterns("invalid", "README.md"))
    return f"contracts/released/{version} kept: what is in it can only be added to from now on"


def _read(version: str, folder: Path) -> Contracts:
    openapi = folder / "openapi.json"
    return Contracts(
        version,
        _schemas(folder / "schemas"),
        _schemas(folder / "schemas" / "headers"),
        json.loads((folder / "topology.json").read_bytes()),
        json.loads(openapi.read_bytes()) if openapi.is_file() else {},
        read(folder / "samples"),
    )


def _schemas(folder: Path) -> dict[str, Schema]:
    return {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
