"""The JSON body of a request about files."""

import re
from typing import TypeVar

import msgspec

from nightshift.gateway.problems import FieldError, Problem

T = TypeVar("T")

_PLACE = re.compile(r"(?P<what>.*) - at `\$(?P<path>[^`]*)`", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def decode_body(body: bytes, kind: type[T]) -> T:
    """Return the body as the type that it has to be.

    Raises:
        Problem: `invalid-json`, or `invalid-body` with a JSON pointer.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem("invalid-body", errors=[_field_error(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem("invalid-json") from None


def _field_error(text: str) -> FieldError:
    if place := _PLACE.fullmatch(text):
        pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(place["path"]))
        return FieldError(pointer, place["what"])
    return FieldError("", text)
