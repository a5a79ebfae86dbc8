"""The name of an uploaded file: what its sender calls it, made safe to store, to show and to save under."""

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from multipart import parse_options_header

MAX_BYTES = 255
"""The limit of most file systems."""
UNNAMED = "file"
_MOST_EXTENSION_BYTES = 20
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing: `gpj.exe` would show as `exe.jpg`."""
_NOT_SHOWN = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
_EXTENDED = re.compile(r"filename\*\s*=\s*([\w-]+)'[^']*'([^\s;,\"]+)", re.ASCII | re.IGNORECASE)
_CHARSETS = {"utf-8": "utf-8", "iso-8859-1": "latin-1"}


def clean_name(text: str) -> str:
    """Return the last segment of a path in NFC, without control and bidirectional characters, in at most 255 bytes."""
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(
        letter
        for letter in unicodedata.normalize("NFC", last)
        if letter not in _DIRECTIONS and unicodedata.category(letter) not in _NOT_SHOWN
    ).strip()
    return _shortened(kept) if kept.strip(".") else UNNAMED


def name_from_disposition(value: str) -> str | None:
    """Return the file name of a `Content-Disposition` (RFC 6266, with RFC 8187's `filename*`); None if it has none."""
    extended = _EXTENDED.search(value)
    _, options = parse_options_header(value)
    return (extended and _decoded(extended[1], extended[2])) or options.get("filename") or None


def as_utf8(header: str) -> str:
    """Return a header's value as text; a server reads it as Latin-1, and browsers write UTF-8."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _decoded(charset: str, text: str) -> str | None:
    encoding = _CHARSETS.get(charset.lower())
    try:
        return unquote_to_bytes(text).decode(encoding) if encoding else None
    except UnicodeError:
        return None


def _shortened(name: str) -> str:
    """Cut a name that is too long, in front of its extension."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = dot + extension
    if not stem or len(tail.encode()) > _MOST_EXTENSION_BYTES:
        stem, tail = name, ""
    return stem.encode()[: MAX_BYTES - len(tail.encode())].decode(errors="ignore") + tail
