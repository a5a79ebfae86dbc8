"""The environment variables of a settings class: name, type, default and meaning, for loading and for `--help`."""

import functools
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from nightshift.config.secret import Secret

_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Path: "a path",
    Secret: "a text",
}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_LENGTHS = {"min_length": "at least", "max_length": "at most"}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that a text must match, with an example for the error; for secrets, too.

    It stands in a field's annotation: `Annotated[Secret, Pattern(r"https?://.+", "https://example.com")]`.
    """

    pattern: str
    example: str

    def fits(self, text: str) -> bool:
        """Return whether the whole text matches."""
        return re.fullmatch(self.pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its purpose, and which values it takes."""

    name: str
    field: str
    hint: Any
    description: str
    default: str | None
    required: bool
    secret: bool
    many: bool
    is_path: bool
    choices: tuple[str, ...]
    pattern: Pattern | None
    expected: str
    """A right value in words: `a whole number, at least 1`."""


@functools.cache
def variables(cls: type[msgspec.Struct]) -> tuple[Variable, ...]:
    """Return the variables of a settings class, in the order of its fields."""
    hints = typing.get_type_hints(cls, include_extras=True)
    needed: frozenset[str] = getattr(cls, "REQUIRES", frozenset())
    found = (_variable(field, hints[field.name]) for field in msgspec.structs.fields(cls))
    return tuple(replace(one, required=True) if one.field in needed else one for one in found)


def describe(cls: type[msgspec.Struct]) -> str:
    """Format the variables for `--help`, one paragraph each: name, meaning, expected value, default."""
    return "\n".join(
        f"{variable.name}{' (or …_FILE)' if variable.secret else ''}\n"
        f"    {variable.description}\n"
        f"    {variable.expected}; {_default_in_words(variable)}"
        for variable in variables(cls)
    )


def _default_in_words(variable: Variable) -> str:
    if variable.required:
        return "required"
    return "optional" if variable.default is None else f"default {variable.default}"


def _variable(field: msgspec.structs.FieldInfo, hint: Any) -> Variable:
    kind, notes = _unwrapped(hint)
    metas = [note for note in notes if isinstance(note, msgspec.Meta)]
    pattern = next((note for note in notes if isinstance(note, Pattern)), None)
    choices = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
    return Variable(
        name=field.name.upper(),
        field=field.name,
        hint=hint,
        description=next((meta.description for meta in metas if meta.description), ""),
        default=_default(field),
        required=field.required,
        secret=kind is Secret,
        many=typing.get_origin(kind) in {tuple, list, frozenset},
        is_path=kind is Path,
        choices=choices,
        pattern=pattern,
        expected=_expected(kind, choices, metas, pattern),
    )


def _unwrapped(hint: Any) -> tuple[Any, list[Any]]:
    """Return the type inside `Annotated[…]` and `… | None`, and the annotations of every layer."""
    notes: list[Any] = []
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            hint, *found = typing.get_args(hint)
            notes += found
        elif typing.get_origin(hint) in {typing.Union, types.UnionType}:
            alternatives = [kind for kind in typing.get_args(hint) if kind is not type(None)]
            if len(alternatives) != 1:
                return hint, notes
            hint = alternatives[0]
        else:
            return hint, notes


def _default(field: msgspec.structs.FieldInfo) -> str | None:
    value = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is msgspec.NODEFAULT or value is None or value == () or value == Secret(""):
        return None
    if isinstance(value, tuple | list | frozenset):
        return ",".join(str(part) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _expected(kind: Any, choices: tuple[str, ...], metas: list[msgspec.Meta], pattern: Pattern | None) -> str:
    if pattern is not None:
        return f"something like {pattern.example}"
    if choices:
        return f"one of {', '.join(choices)}"
    if typing.get_origin(kind) in {tuple, list, frozenset}:
        return "a list with commas"
    return ", ".join([_NAMES.get(kind, getattr(kind, "__name__", str(kind))), *_limits(metas)])


def _limits(metas: list[msgspec.Meta]) -> Iterator[str]:
    for meta in metas:
        for attribute, words in _BOUNDS.items():
            if (bound := getattr(meta, attribute)) is not None:
                yield f"{words} {bound}"
        for attribute, words in _LENGTHS.items():
            if (bound := getattr(meta, attribute)) is not None:
                yield f"{words} {bound} characters"
