"""The text of an API key: `ns_<environment>_<8 id>_<32 secret>_<6 checksum>`, in base62.

The id is no secret: it finds the row, and names the key in logs. The checksum tells a key that was cut short, or text
that only looks like one, without asking the database. The secret has 190 random bits: nobody guesses it, so that a
plain SHA-256 of the key is stored, and not a slow hash.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import NamedTuple

PREFIX = "ns_"
ENVIRONMENT = re.compile(r"[a-z0-9]{1,16}")
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY = re.compile(r"(ns_[a-z0-9]{1,16}_([0-9A-Za-z]{8})_[0-9A-Za-z]{32}_)([0-9A-Za-z]{6})")


class NewKey(NamedTuple):
    """A key that was just made: its text is shown once."""

    text: str
    key_id: str
    digest: str


def make_key(environment: str) -> NewKey:
    """Return a new random key; `environment` is a word for people, such as `live` or `test`.

    Raises:
        ValueError: the environment is no word of at most 16 small letters and digits.
    """
    if not ENVIRONMENT.fullmatch(environment):
        raise ValueError(f"{environment!r} is no environment: expected at most 16 small letters and digits")
    key_id = _random(8)
    begin = f"{PREFIX}{environment}_{key_id}_{_random(32)}_"
    text = begin + _checksum(begin)
    return NewKey(text, key_id, digest_of(text))


def id_in(text: str) -> str | None:
    """Return the id of a key; None if the text is none."""
    match = _KEY.fullmatch(text)
    return match[2] if match is not None and _checksum(match[1]) == match[3] else None


def digest_of(text: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(begin: str) -> str:
    number, digits = zlib.crc32(begin.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
