"""Message headers: from bytes on the wire to a dictionary and back, without loss."""

import re
from collections.abc import Mapping
from functools import lru_cache

_VERSION = b"NATS/1.0"
_NAME = re.compile(r"[!-9;-~]+")
"""Printable ASCII without the colon (ADR-4)."""
_BREAKS = str.maketrans("\r\n", "  ")
_NAMES_REMEMBERED = 512
"""The same few names come with every message; the cache keeps the check cheap."""

Headers = dict[str, str]

STATUS = "Status"
DESCRIPTION = "Description"
UNREADABLE = "Headers-Unreadable"
"""Set by `decode` when the block is broken: such a message must become a dead letter and not stop its reader."""


def decode(raw: bytes) -> Headers:
    """Read a header block; never raise, whatever the bytes.

    Bytes that are not UTF-8 are kept as lone surrogates, so that `encode` writes them back unchanged.
    Of a repeated header the first counts; a lone line break in a value becomes a space.
    A broken block yields what could be read and `UNREADABLE`.
    """
    lines = raw.decode("utf-8", "surrogateescape").split("\r\n")
    first, headers = lines[0], Headers()
    if not first.startswith("NATS/1.0"):
        return {UNREADABLE: "the block does not begin with NATS/1.0"}
    status = first[len(_VERSION) :].strip()
    if status:
        headers[STATUS], _, headers[DESCRIPTION] = status.partition(" ")
    for line in lines[1:]:
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or not _is_name(name):
            headers.setdefault(UNREADABLE, f"{line[:80]!r} is no 'Name: value'")
        else:
            if "\n" in value or "\r" in value:  # as `encode` will write it, or a copy would have another id
                value = value.translate(_BREAKS)
            headers.setdefault(name, value.strip(" \t"))
    return headers


def encode(headers: Mapping[str, str]) -> bytes:
    """Write a header block; line breaks in values become spaces.

    Raises:
        ValueError: a name is empty or has a character that ADR-4 does not allow.
    """
    lines = [_VERSION.decode()]
    for name, value in headers.items():
        if not _is_name(name):
            raise ValueError(f"{name!r} cannot be a header name: printable ASCII without a colon is expected")
        if "\n" in value or "\r" in value:
            value = value.translate(_BREAKS)  # noqa: PLW2901 - the same value, harmless
        lines.append(f"{name}: {value}")
    lines += ("", "")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


@lru_cache(_NAMES_REMEMBERED)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None
