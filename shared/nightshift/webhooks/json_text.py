"""JSON of providers, decoded so that every database takes what is in it."""

import re
from typing import Any

import msgspec

_ESCAPED = rb"\u0000"
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""Behind an even number of backslashes; behind an odd one they are the six characters themselves."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def decode_json(body: bytes) -> Any:
    """Decode JSON; NUL, which PostgreSQL takes in no text and no document, is replaced.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is none.
    """
    return msgspec.json.decode(_ESCAPED_NUL.sub(rb"\1\\ufffd", body) if _ESCAPED in body else body)
