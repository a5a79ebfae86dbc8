"""The body of a job for eyes that need not see what is in it: its fields by its contract, with values masked.

Values of a closed set (true and false, the words of an enumeration) are shown; all others may be somebody's own, and
are told by kind and length. Whoever has the right sees the body in full, but for what is named like a secret.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from nightshift.broker.message import StoredMessage
from nightshift.cli.terminal.formatting import format_number, format_size, plural, safe
from nightshift.config.redaction import redact
from nightshift.console.web.characters import FORBIDDEN
from nightshift.contract import wire
from nightshift.contract.message import Message

_MOST_FIELDS, _DEEPEST, _LONGEST_NAME = 200, 6, 80
LONGEST_SHOWN = 64 * 1024
"""Characters of a body that a page shows."""


class Field(NamedTuple):
    """One field of a body: where it is, and what may be told of its value."""

    path: str
    value: str
    known: bool
    """Whether the contract has it."""


class Masked(NamedTuple):
    """A body without its values; `problem` says why there are no fields."""

    fields: list[Field]
    problem: str
    cut: bool


def masked(body: bytes, contract: type[Message] | None) -> Masked:
    """Return the fields of a body by its contract."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Masked([], f"{format_size(len(body))} that are not JSON", cut=False)
    kind = inspect.type_info(contract) if contract is not None else None
    found = list[Field]()
    for field in _fields(value, kind, "", _DEEPEST):
        if len(found) == _MOST_FIELDS:
            return Masked(found, "", cut=True)
        found.append(field)
    return Masked(found, "" if found else "an empty object" if value == {} else _told(value, kind), cut=False)


def in_full(body: bytes) -> tuple[str, bool]:
    """Return a body as text, without what is named like a secret, and whether its end was cut off."""
    text = body[: 4 * LONGEST_SHOWN].decode("utf-8", "backslashreplace")
    if len(body) <= LONGEST_SHOWN:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # what is no JSON is shown as it is
            text = msgspec.json.format(body, indent=2).decode()
    return safe(text[:LONGEST_SHOWN]), len(text) > LONGEST_SHOWN or len(body) > 4 * LONGEST_SHOWN


def as_text(body: bytes) -> str | None:
    """Return a body to be edited, indented if it is JSON; None if not all of it can be shown and sent back."""
    try:
        text = body.decode()
        with contextlib.suppress(msgspec.DecodeError):
            text = msgspec.json.format(body, indent=2).decode()
    except UnicodeDecodeError:
        return None
    is_whole = len(body) <= LONGEST_SHOWN and redact(text) == text and not FORBIDDEN.search(text)
    return text if is_whole else None


def not_editable(message: StoredMessage) -> str:
    """Return why the body of a stored job cannot be edited as a text; empty if it can."""
    if wire.CLAIM in message.headers:
        return "Its body is in the object store."
    if as_text(message.body) is None:
        return "Its body is too long to be edited here, is no text, or has a field that stays hidden."
    return ""


def _fields(value: Any, kind: inspect.Type | None, path: str, left: int) -> Iterator[Field]:
    if not isinstance(value, dict):
        return
    declared = _declared(kind)
    for name, inner in value.items():
        where = f"{path}.{name[:_LONGEST_NAME]}" if path else name[:_LONGEST_NAME]
        inner_kind = declared.get(name)
        yield Field(where, _told(inner, inner_kind), not declared or name in declared)
        if isinstance(inner, dict) and left:
            yield from _fields(inner, inner_kind, where, left - 1)


def _declared(kind: inspect.Type | None) -> Mapping[str, inspect.Type]:
    for one in _alternatives(kind):
        if isinstance(one, inspect.StructType):
            return {field.encode_name: field.type for field in one.fields}
    return {}


def _told(value: Any, kind: inspect.Type | None) -> str:
    match value:
        case None | True | False:
            return msgspec.json.encode(value).decode()
        case str() if _is_of_closed_set(value, kind):
            return value
        case str():
            return f"text, {plural(len(value), 'character')}"
        case dict():
            return f"an object of {plural(len(value), 'field')}"
        case list():
            return f"a list of {format_number(len(value))}"
        case _:
            return "a number"


def _is_of_closed_set(value: str, kind: inspect.Type | None) -> bool:
    return any(
        (isinstance(one, inspect.LiteralType) and value in one.values)
        or (isinstance(one, inspect.EnumType) and value in {member.value for member in one.cls})
        for one in _alternatives(kind)
    )


def _alternatives(kind: inspect.Type | None) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _alternatives(one)
    elif kind is not None:
        yield kind
