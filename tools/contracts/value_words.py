"""Describe in words what a JSON Schema allows, for a table."""

from collections.abc import Iterator

from nightshift.documents.schemas import Schema, branches

_BOUNDS = {
    "minLength": "{} characters or more",
    "maxLength": "at most {} characters",
    "minimum": "{} or more",
    "maximum": "at most {}",
    "minItems": "{} items or more",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} of them",
}


def in_words(schema: Schema, definitions: Schema) -> str:
    """Return the types and limits of a value: `text, at most 500 characters`."""
    return " or ".join(dict.fromkeys(_words(branch, definitions) for branch in branches(schema, definitions)))


def _words(schema: Schema, definitions: Schema) -> str:
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        text = f"list of {in_words(schema.get('items', {}), definitions)}"
    elif kind == "object":
        text = _object(schema, definitions)
    else:
        text = _name(schema, kind)
    return ", ".join([text, *_limits(schema)])


def _object(schema: Schema, definitions: Schema) -> str:
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of any fields, each {in_words(schema['additionalProperties'], definitions)}"
    return f"object {schema['title']}" if "title" in schema else "object"


def _name(schema: Schema, kind: str) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "date-time":
        return "time (RFC 3339)"
    return {"string": str(schema.get("title", "text")), "integer": "whole number"}.get(kind, kind)


def _limits(schema: Schema) -> Iterator[str]:
    for key, words in _BOUNDS.items():
        if key in schema and not (key.startswith("min") and schema[key] in {0, 1} and key != "minimum"):
            yield words.format(f"{schema[key]:,}")
    if schema.get("minLength") == 1:
        yield "not empty"
