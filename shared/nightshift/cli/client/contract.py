"""Check a body against its contract; errors name the field and suggest what was meant."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.contract.constraints import empty_body_error, encoding_error, explain
from nightshift.contract.message import Message
from nightshift.text import meant_or_all

_UNEXPECTED_CHARACTERS = 60

Messages = Mapping[str, type[Message]]
"""The contracts by job type, from the catalogue."""


def message_class(messages: Messages, job_type: str) -> type[Message]:
    """Return the contract of a job type.

    Raises:
        UsageError: there is none; the text suggests one, or names all.
    """
    found = messages.get(job_type.removeprefix("jobs."))
    if found is not None:
        return found
    if job_type.startswith("cron."):
        raise UsageError(f"{job_type} is a schedule's event; ask for it with: nightshift cron run {job_type[5:]}")
    hint = meant_or_all(job_type, sorted(messages))
    raise UsageError(f"there is no job type {job_type!r}{hint}")


def check_body(messages: Messages, job_type: str, body: bytes, *, unknown_fields: bool = False) -> Message:
    """Decode a body by its contract.

    Workers ignore unknown fields, so that old workers understand new producers; here they are typing mistakes.

    Raises:
        UsageError: the body breaks its contract; the text names the field, or each unknown field.
    """
    kind = message_class(messages, job_type)
    if not body.strip():
        raise UsageError(f"{kind.TYPE}: {empty_body_error(kind)}")
    problems = [] if unknown_fields else list(_unknown(body, kind))
    try:
        message = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        problems.append(explain(error))
    except RecursionError:
        raise UsageError(f"{kind.TYPE}: the body is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if wrong := encoding_error(body):
            raise UsageError(f"{kind.TYPE}: {wrong}") from None
        text = body[:_UNEXPECTED_CHARACTERS].decode("utf-8", "replace")
        raise UsageError(f"{kind.TYPE}: the body is not JSON: {error}: {text}") from None
    if problems:
        raise UsageError(f"{kind.TYPE}: " + "\n  ".join(["the body breaks its contract:", *problems]))
    return message


def _unknown(body: bytes, kind: type[Message]) -> Iterator[str]:
    try:
        yield from _unknown_in(msgspec.json.decode(body), kind, "$")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the typed decoding says what is wrong
        return


def _unknown_in(value: Any, kind: Any, path: str) -> Iterator[str]:
    """Yield the unknown fields of an object and of nested ones, wherever the contract allows one class of object."""
    struct = _struct_in(kind)
    if struct is None:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_in(item, struct, f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name, inner in value.items():
        if name in fields:
            yield from _unknown_in(inner, fields[name].type, f"{path}.{name}")
        else:
            hint = meant_or_all(name, fields)
            yield f"there is no field `{name}` at `{path}`{hint}"


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    for inner in typing.get_args(kind):
        found = _struct_in(inner)
        if found is not None:
            return found
    return None
