"""The fingerprint of an error: its text without what is different each time, so that the same fault is one group."""

import hashlib
import re
from functools import lru_cache

_LONGEST = 300
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_HEXADECIMAL = re.compile(r"\b[0-9a-fA-F]{8,64}\b")
_NUMBER = re.compile(r"(\d+)((?:[.,:]\d+)*)")
_STATUS = ("Error: ", "HTTP ", "status ", "code ", "Errno ", "{address}: ")
"""What stands before a status or error number, which tells faults apart and stays."""


def pattern_of(error: str) -> str:
    """Return the first line of an error with addresses, ids and numbers taken out, in this order.

    An address may hold numbers, an id as well. An index takes in many: what a line cannot have is not looked for.
    """
    line = " ".join(error[: 4 * _LONGEST].splitlines()[:1])[:_LONGEST]
    if "@" in line:
        line = _ADDRESS.sub("{address}", line)
    if "-" in line:
        line = _UUID.sub("{id}", line)
    line = _HEXADECIMAL.sub(_id, line)
    return _NUMBER.sub(_number, line)[:_LONGEST]


def _id(found: re.Match[str]) -> str:
    """Take out what has letters and digits: a word has no digits, a number no letters."""
    text = found[0]
    return text if text.isalpha() or text.isdecimal() else "{id}"


def _number(found: re.Match[str]) -> str:
    if not found.string.endswith(_STATUS, 0, found.start()):
        return "{n}"
    status, rest = found[1], found[2]
    return f"{status}{rest[0]}{{n}}" if rest else status


@lru_cache(1_000)
def fingerprint(service: str, reason: str, pattern: str) -> str:
    """Return a short name of a group."""
    whole = f"{service}\0{reason}\0{pattern}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:12]
