"""Turns whatever is logged into values that JSON can hold, without secrets."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from nightshift.config.redaction import names_secret, redact
from nightshift.config.secret import HIDDEN
from nightshift.text import escape_surrogates

_DEEPEST = 5
_LONGEST = 16_384
"""Characters of one text: a line of a log is for reading, and collectors drop lines over some limit."""


def clean_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields ready for JSON, with secrets hidden by value, by pattern and by name."""
    return {clean_text(str(name)): _clean_field(str(name), value, 0) for name, value in fields.items()}


def clean_text(text: str) -> str:
    """Return a text without secrets, of bounded length, that can be encoded as UTF-8."""
    return escape_surrogates(redact(str.__str__(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")))


def _clean_field(name: str, value: Any, depth: int) -> Any:
    if isinstance(value, str) and names_secret(name):
        return HIDDEN
    return _clean(value, depth)


def _clean(value: Any, depth: int) -> Any:  # noqa: PLR0911 - a table of types, one line each
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return clean_text(value)
        case bytes():
            return clean_text(value[:_LONGEST].decode("utf-8", "backslashreplace"))
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case BaseException():
            return clean_text(f"{type(value).__name__}: {_as_text(value)}")
        case Mapping() if depth < _DEEPEST:
            return {clean_text(_as_text(k)): _clean_field(_as_text(k), v, depth + 1) for k, v in value.items()}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            return [_clean(part, depth + 1) for part in value]
    return clean_text(_as_text(value))


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a log line must not fail for an object that cannot print itself
        return f"<{type(value).__name__} that cannot be printed>"
