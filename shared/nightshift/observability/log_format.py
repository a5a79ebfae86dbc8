"""Renders log records: one JSON object a line for machines, or coloured lines for people."""

import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

from nightshift.instants import rfc3339
from nightshift.observability.sanitize import clean_fields, clean_text
from nightshift.text import escape_unprintable

ROOT = "nightshift"
"""The parent of all our loggers, so that our level does not apply to libraries."""

_ENCODER = msgspec.json.Encoder(enc_hook=str)
_BREAKING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Ends a line for some reader, or turns the direction of what is shown behind it."""
_COLOURS = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_FIRST_FIELDS = ("timestamp", "level", "service", "event", "message", "logger")


def timestamp(unix_seconds: float) -> str:
    """Format an instant as RFC 3339 in UTC with milliseconds: `2026-11-24T09:06:34.125Z`."""
    return rfc3339(datetime.fromtimestamp(unix_seconds, UTC), "milliseconds")


def fields_of(record: logging.LogRecord, service: str) -> dict[str, Any]:
    """Return a record, ours or a library's, as the fields of its line, without secrets and in the order of the line."""
    line: dict[str, Any] = {
        "timestamp": timestamp(record.created),
        "level": record.levelname.lower(),
        "service": service,
        "event": clean_text(str(getattr(record, "event", "log"))),
        "message": clean_text(_message(record)),
        "logger": record.name.removeprefix(f"{ROOT}."),
    }
    for name, value in clean_fields(getattr(record, "fields", {})).items():
        line[f"{name}_" if name in line else name] = value
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        line["error_type"] = type(error).__name__
        line["error"] = clean_fields({"error": error})["error"]
        line["traceback"] = clean_text("".join(traceback.format_exception(error))[-8_192:])
    return line


def json_line(line: dict[str, Any]) -> bytes:
    """Format fields as one line of JSON, line feed included."""
    return unbroken(_ENCODER.encode(line)) + b"\n"


def unbroken(encoded: bytes) -> bytes:
    """Escape what JSON allows in a string but terminals and line readers act on (DEL, C1 controls, U+2028, U+202E)."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return _BREAKING.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded.decode()).encode()


def text_line(line: dict[str, Any], *, coloured: bool) -> bytes:
    """Format fields as a line for people: time, level, service, sentence, then the rest; a traceback follows indented.

    Control characters appear as escapes, so a message cannot move the terminal's cursor or fake a line.
    """
    paint, dim, reset = (_COLOURS.get(line["level"], ""), _DIM, _RESET) if coloured else ("", "", "")
    clock, level = line["timestamp"][11:23], line["level"].upper()
    rest = " ".join(
        f"{escape_unprintable(name)}={_one_piece(value)}"
        for name, value in line.items()
        if name not in {*_FIRST_FIELDS, "traceback"}
    )
    message = escape_unprintable(line["message"])
    head = f"{dim}{clock}{reset} {paint}{level:<7}{reset} {line['service']}: {paint}{message}{reset}"
    text = f"{head} {dim}{rest}{reset}" if rest else head
    for trace_line in str(line.get("traceback", "")).splitlines():
        text += f"\n    {escape_unprintable(trace_line)}"
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a library's wrong format string is no reason to lose its record
        return f"{record.msg} {record.args}"


def _one_piece(value: Any) -> str:
    text = value if isinstance(value, str) else _ENCODER.encode(value).decode()
    return escape_unprintable(text if text and " " not in text else f"'{text}'")
