"""The OpenAPI document that this gateway serves, of the job types that it takes: the committed one, else made anew."""

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from nightshift.contract.message import Message
from nightshift.gateway.documents import openapi
from nightshift.version import VERSION

_JOBS = "/v1/jobs/"
_SCHEMAS = "#/components/schemas/"


def served_document(package: str, offered: Mapping[str, type[Message]]) -> dict[str, Any]:
    """Return the document for these job types: from the file of the package of contracts, if it has one."""
    file = _file(package)
    if file is None or not file.is_file():
        return openapi.document(VERSION, offered)
    document: dict[str, Any] = json.loads(file.read_bytes())
    types = set(offered)
    document["paths"] = {path: item for path, item in document["paths"].items() if _is_served(path, types)}
    schemas = document["components"]["schemas"]
    used = _reachable(document["paths"], schemas)
    document["components"]["schemas"] = {name: schemas[name] for name in schemas if name in used}
    return document


def undescribed(document: dict[str, Any], offered: Iterable[str]) -> list[str]:
    """Return the job types that are taken but not described."""
    paths = document["paths"]
    return [job_type for job_type in offered if f"{_JOBS}{job_type}" not in paths]


def _file(package: str) -> Traversable | None:
    try:
        return resources.files(package).joinpath("openapi.json")
    except (TypeError, ModuleNotFoundError):  # contracts in one module, or several packages: nothing is beside them
        return None


def _is_served(path: str, types: set[str]) -> bool:
    return not path.startswith(_JOBS) or path.removeprefix(_JOBS).partition("/")[0] in types


def _reachable(paths: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    left = list(_references(paths))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _references(schemas[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_SCHEMAS)
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
