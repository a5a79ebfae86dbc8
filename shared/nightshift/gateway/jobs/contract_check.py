"""Checks a job's body against its contract, and names each wrong field by a JSON pointer (RFC 6901).

What is accepted here the worker accepts: the same decoder decides. Only a body that it refuses is looked at again,
field by field. Fields that the contract does not have are refused, too: whoever types them means something by it.
"""

import re
import types
import typing
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from nightshift.contract.constraints import empty_body_error, explain, words_of
from nightshift.contract.message import Message
from nightshift.gateway.problems import FieldError, Problem
from nightshift.text import meant_or_all

MOST_ERRORS = 50
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]|\[\.\.\.\]")
_Fields = dict[str, Any]


class ContractCheck:
    """The check of one job type."""

    def __init__(self, message: type[Message]) -> None:
        self._message = message
        self._decode = msgspec.json.Decoder(message).decode
        self._top = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._known = frozenset(_fields(message))
        self._nested = frozenset(name for name, kind in _fields(message).items() if _struct_in(kind) is not None)

    def __call__(self, body: bytes | msgspec.Raw, pointer: str = "") -> None:
        """Return if a worker would take the body.

        `pointer` is where the body is in what was sent.

        Raises:
            Problem: `invalid-json` or `invalid-job`.
        """
        try:
            self._decode(body)
            names = self._top(body).keys()
            if names <= self._known and not (names & self._nested):
                return
            refused = None
        except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
            refused = error
        except msgspec.DecodeError as error:
            raise self._not_json(body, error) from None
        errors = list(islice(self._errors(body, refused, pointer), MOST_ERRORS))
        if errors:
            raise Problem("invalid-job", f"The body breaks the contract of {self._message.TYPE}.", errors=errors)

    def _errors(self, body: bytes | msgspec.Raw, refused: Exception | None, pointer: str) -> Iterator[FieldError]:
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem("invalid-json", f"The body cannot be read: {explain(error, body)}.") from None
        found = False
        for wrong in _wrong(value, self._message, pointer):
            found = True
            yield wrong
        if not found and refused is not None:  # each field is fine by itself
            yield _field_error(refused, pointer)

    def _not_json(self, body: bytes | msgspec.Raw, error: Exception) -> Problem:
        if not bytes(body).strip():
            return Problem("invalid-json", f"{empty_body_error(self._message)}.".capitalize())
        return Problem("invalid-json", f"The body is not JSON: {explain(error, body)}.")


def _wrong(value: Any, kind: Any, pointer: str) -> Iterator[FieldError]:
    struct = _the_struct(kind)
    if struct is not None and isinstance(value, dict):
        yield from _wrong_fields(value, struct, pointer)
        return
    items = _items(kind)
    if items is not None and isinstance(value, list) and _struct_in(items) is not None:
        inner = [wrong for index, item in enumerate(value) for wrong in _wrong(item, items, f"{pointer}/{index}")]
        if inner:
            yield from inner
            return
    try:
        msgspec.convert(value, kind, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        yield _field_error(error, pointer)
        return
    if isinstance(value, str):
        yield from (
            FieldError(pointer, f"Expected {words_of(pattern) or pattern}")
            for pattern in _later_patterns(kind)
            if re.search(pattern, value) is None
        )


def _later_patterns(kind: Any) -> Iterator[str]:
    """Yield the patterns of a text that the contract checks when all fields are there (`pattern_or_list`)."""
    if typing.get_origin(kind) is typing.Annotated:
        kind, *notes = typing.get_args(kind)
        for note in notes:
            extra = note.extra_json_schema if isinstance(note, msgspec.Meta) else None
            if extra and "pattern" in extra:
                yield extra["pattern"]
        yield from _later_patterns(kind)
    elif typing.get_origin(kind) in {typing.Union, types.UnionType}:
        for inner in typing.get_args(kind):
            yield from _later_patterns(inner)


def _wrong_fields(value: _Fields, struct: type[msgspec.Struct], pointer: str) -> Iterator[FieldError]:
    fields = msgspec.structs.fields(struct)
    names = [field.encode_name for field in fields]
    for field in fields:
        here = f"{pointer}/{_escaped(field.encode_name)}"
        if field.encode_name in value:
            yield from _wrong(value[field.encode_name], field.type, here)
        elif field.required:
            yield FieldError(here, "This field is required.")
    for name in value.keys() - set(names):
        hint = meant_or_all(name, names)
        yield FieldError(f"{pointer}/{_escaped(name)}", f"There is no such field{hint}")


def _field_error(error: Exception, pointer: str) -> FieldError:
    text, _, place = explain(error).partition(" - at `$")
    steps = [name or index for name, index in _STEP.findall(place.removesuffix("`")) if name or index]
    return FieldError(pointer + "".join(f"/{_escaped(step)}" for step in steps), text)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _fields(struct: type[msgspec.Struct]) -> _Fields:
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}


def _plain(kind: Any) -> Any:
    """Return the type without its annotations."""
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    return kind


def _the_struct(kind: Any) -> type[msgspec.Struct] | None:
    """Return the one class of object that a type allows, directly or as an alternative to others."""
    kind = _plain(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        found = [struct for inner in typing.get_args(kind) if (struct := _the_struct(inner)) is not None]
        return found[0] if len(found) == 1 else None
    return None


def _items(kind: Any) -> Any:
    """Return what a list of this type holds; None if it is no list."""
    kind = _plain(kind)
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in {list, tuple, set, frozenset} and arguments:
        return arguments[0]
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        found = [items for inner in arguments if (items := _items(inner)) is not None]
        return found[0] if len(found) == 1 else None
    return None


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    kind = _plain(kind)
    if isinstance(kind, type):
        return kind if issubclass(kind, msgspec.Struct) else None
    return next((found for inner in typing.get_args(kind) if (found := _struct_in(inner)) is not None), None)
