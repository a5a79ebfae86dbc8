"""The sample of a job type that a form is filled in with: of the contracts, else of its fields' examples."""

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from nightshift.contract.catalogue import names_of
from nightshift.documents.schemas import Schema

_LARGEST_BYTES = 64 * 1024


def sample_of(packages: str, job_type: str, schema: Schema) -> Mapping[str, Any]:
    """Return the fields of the smallest valid sample beside the contracts, else the examples of the needed fields."""
    found = [sample for package in names_of(packages) for sample in _samples(package, job_type)]
    if found:
        return min(found, key=lambda sample: len(msgspec.json.encode(sample)))
    needed, fields = schema.get("required", ()), schema.get("properties", {})
    return {name: fields[name]["examples"][0] for name in needed if fields[name].get("examples")}


@cache
def _samples(package: str, job_type: str) -> tuple[Mapping[str, Any], ...]:
    root = importlib.import_module(package)
    folders = [Path(folder) / "samples" / f"jobs.{job_type}" / "valid" for folder in getattr(root, "__path__", ())]
    files = [file for folder in folders for file in sorted(folder.glob("*.json"))]
    bodies = [file.read_bytes() for file in files if file.stat().st_size < _LARGEST_BYTES]
    return tuple(value for value in map(_object, bodies) if value)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}
