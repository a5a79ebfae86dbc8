"""The fingerprint of an error: its text without what is different each time, so that the same fault is one group."""

import hashlib
import re

_LONGEST = 300
_PLACES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), "{address}"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "{id}"),
    (re.compile(r"\b(?=[0-9a-fA-F]*[0-9])(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,64}\b"), "{id}"),
    (re.compile(r"(?<!Error: )(?<!HTTP )(?<!status )(?<!code )(?<!Errno )(?<!\d)\d+(?:[.,:]\d+)*"), "{n}"),
)
"""In this order: an address may hold numbers, an id as well. A status or error number stays: it tells faults apart."""


def pattern_of(error: str) -> str:
    """Return the first line of an error with addresses, ids and numbers taken out."""
    line = " ".join(error[: 4 * _LONGEST].splitlines()[:1])[:_LONGEST]
    for place, name in _PLACES:
        line = place.sub(name, line)
    return line[:_LONGEST]


def fingerprint(service: str, reason: str, pattern: str) -> str:
    """Return a short name of a group."""
    whole = f"{service}\0{reason}\0{pattern}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:12]
