"""Generate TypeScript definitions from JSON Schemas."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nightshift.contract.wire import DEAD_REASON
from nightshift.documents.schemas import Schema

_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def interfaces(schemas: Iterable[Schema]) -> Iterator[str]:
    """Yield an interface for each schema and each of its definitions, once."""
    done: set[str] = set()
    for schema in schemas:
        for title, part in {schema["title"]: schema, **schema.get("$defs", {})}.items():
            if title not in done:
                done.add(title)
                yield _interface(title, part)


def maps(schemas: Mapping[str, Schema], names: list[str]) -> Iterator[str]:
    """Yield the maps from job types to their bodies, and to their subjects; `schemas` are by subject."""
    yield _map("Jobs", "The body of each job, by its type.", {name: schemas[f"jobs.{name}"]["title"] for name in names})
    yield _map("Subjects", "Where each job is published.", {name: json.dumps(f"jobs.{name}") for name in names})


def _interface(title: str, schema: Schema) -> str:
    lines = [_comment(schema.get("description", ""), ""), f"export interface {title} {{"]
    required = set(schema.get("required", []))
    for name, content in schema["properties"].items():
        lines.append(_comment(content.get("description", ""), "  "))
        key = name if name.isidentifier() else json.dumps(name)
        kind = "DeadReason" if name == DEAD_REASON else _type(content)
        lines.append(f"  {key}{'' if name in required else '?'}: {kind};")
    lines.append("}\n")
    return "\n".join(line for line in lines if line)


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"ReadonlyArray<{_type(schema.get('items', {}))}>"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"Readonly<Record<string, {_type(schema['additionalProperties'])}>>"
    return _SCALARS.get(str(schema.get("type")), "unknown")


def _comment(text: str, indent: str) -> str:
    lines = list(_lines(text))
    if len(lines) < 2:  # noqa: PLR2004 - one line stands alone
        return f"{indent}/** {lines[0]} */" if lines else ""
    return "\n".join([f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"])


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("*/", "*\u200b/").splitlines():
        yield line.strip()


def _map(title: str, comment: str, entries: Mapping[str, Any]) -> str:
    lines = [f"  {json.dumps(name)}: {value};" for name, value in entries.items()]
    return "\n".join([f"/** {comment} */", f"export interface {title} {{", *lines, "}\n"])
