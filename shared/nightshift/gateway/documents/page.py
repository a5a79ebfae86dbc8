"""The pages for people: every operation, every schema, every problem. They ask no other host and run no script."""

from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from nightshift.gateway.auth.scopes import SCOPES
from nightshift.gateway.problems import PROBLEMS

_environment = Environment(
    loader=PackageLoader("nightshift.gateway.documents"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
STYLE_PATH = "/docs.css"


class Field(NamedTuple):
    """A field of a schema, in words."""

    name: str
    kind: str
    required: bool
    description: str


def docs_page(document: dict[str, Any]) -> bytes:
    """Return the page of an OpenAPI document."""
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    return _rendered(
        "docs.html.j2",
        document=document,
        operations=operations,
        schemas={name: list(_fields(schema)) for name, schema in document["components"]["schemas"].items()},
        problems=PROBLEMS,
        scopes=SCOPES,
        kind_of=kind_of,
        pretty=_pretty,
    )


def problem_page(code: str) -> bytes:
    """Return the page of one problem."""
    return _rendered("problem.html.j2", code=code, problem=PROBLEMS[code])


def style_sheet() -> bytes:
    """Return the pages' style sheet."""
    return resources.files("nightshift.gateway.documents").joinpath("templates", "docs.css").read_bytes()


def kind_of(schema: dict[str, Any]) -> str:
    """Return what a schema takes, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type", "anything")
    if kind == "array":
        items = schema.get("items") or {}
        return f"list of {kind_of(items)}" if isinstance(items, dict) else "list"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _fields(schema: dict[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield Field(name, kind_of(field), name in required, field.get("description", ""))


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _rendered(name: str, **values: Any) -> bytes:
    return _environment.get_template(name).render(style=STYLE_PATH, **values).encode()
