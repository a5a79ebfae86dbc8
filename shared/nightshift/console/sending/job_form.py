"""A form of the fields of a contract, and the body that what was filled in makes."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from nightshift.documents.schemas import Schema

PREFIX = "field."
"""What the names of the form's fields begin with."""
_SHORT = 1_000
"""Characters that fit into a line, where a contract says so; any other text may have several."""
_FEW_ROWS, _MANY_ROWS = 2, 5
_PATH = re.compile(r"`\$\.(\w+)")
Kind = Literal["line", "text", "number", "choice", "json"]


class Field(NamedTuple):
    """One field of the form; `value` is what it is filled in with."""

    name: str
    kind: Kind
    needed: bool
    description: str
    options: Sequence[str]
    value: str
    error: str = ""
    rows: int = 0
    """Of a text."""


class FieldError(NamedTuple):
    """What is wrong, and in which field; empty: in none of them."""

    field: str
    text: str


def fields_of(schema: Schema, values: Mapping[str, str], errors: Sequence[FieldError] = ()) -> list[Field]:
    """Return the fields of a contract, filled in."""
    needed = set(schema.get("required", ()))
    wrong = {error.field: error.text for error in errors}
    return [
        Field(
            name,
            _kind(field),
            name in needed,
            field.get("description", ""),
            _options(field),
            values.get(name, ""),
            wrong.get(name, ""),
            _FEW_ROWS if _longest(field) == 0 else _MANY_ROWS,
        )
        for name, field in schema.get("properties", {}).items()
    ]


def texts_of(sample: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a body as they stand in a form: texts as they are, all others as JSON."""
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in sample.items()
        if value is not None
    }


def body_of(schema: Schema, values: Mapping[str, str]) -> tuple[dict[str, Any], list[FieldError]]:
    """Return the body of what was filled in, and what cannot be read; a field that is left empty is left out."""
    body, errors = dict[str, Any](), list[FieldError]()
    for name, field in schema.get("properties", {}).items():
        given = values.get(name, "")
        if given == "" and name not in schema.get("required", ()):
            continue
        if given == "" and _takes_null(field) and "string" not in _types(field):
            body[name] = None
            continue
        try:
            body[name] = _value(field, given)
        except msgspec.DecodeError:
            errors.append(FieldError(name, f'{name}: expected JSON, such as 7, true, ["a"] or {{"a": 1}}.'))
    return body, errors


def errors_in(text: str) -> list[FieldError]:
    """Return what the contract says against a body, each part at its field."""
    found = [line.strip() for line in text.splitlines() if _PATH.search(line)]
    return [_error(line) for line in found] or [FieldError("", text)]


def _error(line: str) -> FieldError:
    """Return what one line says; at its own field, nobody needs to be told which it is."""
    field = _PATH.findall(line)[0]
    return FieldError(field, line.removesuffix(f" - at `$.{field}`"))


def _value(field: Schema, given: str) -> Any:
    kinds = _types(field)
    chosen = [value for value in _choices(field) if str(value) == given]
    if chosen:
        return chosen[0]
    if "string" not in kinds:
        return msgspec.json.decode(given.encode())
    if kinds != {"string"} and given.lstrip()[:1] in {"[", "{"}:
        with contextlib.suppress(msgspec.DecodeError):  # it may be a text all the same
            return msgspec.json.decode(given.encode())
    return given


def _types(field: Schema) -> set[str]:
    """Return the types of JSON that a field takes, but for null: that is to leave it empty."""
    if "anyOf" in field:
        return set().union(*(_types(one) for one in field["anyOf"])) - {"null"}
    named = field.get("type", "object")
    return set(named) if isinstance(named, list) else {named}


def _options(field: Schema) -> list[str]:
    if _types(field) == {"boolean"}:
        return ["true", "false"]
    return [str(value) for value in _choices(field)]


def _choices(field: Schema) -> list[Any]:
    choices = [one.get("enum", ()) for one in _all_of(field)]
    return [value for options in choices for value in options if value is not None]


def _takes_null(field: Schema) -> bool:
    return any("null" in one.get("type", "") for one in _all_of(field))


def _kind(field: Schema) -> Kind:
    kinds = _types(field)
    if _options(field):
        return "choice"
    if kinds <= {"integer", "number"}:
        return "number"
    if kinds != {"string"}:
        return "line" if "string" in kinds else "json"
    is_short = 0 < _longest(field) <= _SHORT or any("pattern" in one or "format" in one for one in _all_of(field))
    return "line" if is_short else "text"


def _longest(field: Schema) -> int:
    """Return how many characters a text may have; 0: any number."""
    return max((one.get("maxLength", 0) for one in _all_of(field)), default=0)


def _all_of(field: Schema) -> tuple[Schema, ...]:
    return (field, *field.get("anyOf", ()))
