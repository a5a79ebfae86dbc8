"""Passwords are stored as scrypt hashes: `scrypt$<log2 n>$<salt>$<key>`, both in base64.

Parameters as RFC 7914 and OWASP recommend them: 32 MiB and a tenth of a second for each try.
"""

import base64
import hashlib
import hmac
import re
import secrets

_LOG_N, _R, _P, _KEY_BYTES, _SALT_BYTES = 15, 8, 1, 32, 16
_STRONGEST = 17
_HASH = re.compile(r"scrypt\$(1[4-7])\$([A-Za-z0-9+/]{22}==)\$([A-Za-z0-9+/]{43}=)")
_MOST_CHARACTERS = 1024


def hash_password(password: str) -> str:
    """Return what is stored of a password."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"scrypt${_LOG_N}${_text(salt)}${_text(_key(password, salt, _LOG_N))}"


def is_hash(text: str) -> bool:
    """Return whether a text is what `hash_password` returns."""
    return _HASH.fullmatch(text) is not None


def verify_password(password: str, stored: str) -> bool:
    """Return whether it is the password of a stored hash; takes as long if the hash is none."""
    match = _HASH.fullmatch(stored)
    if match is None or len(password) > _MOST_CHARACTERS:
        _key("", b"0" * _SALT_BYTES, _LOG_N)
        return False
    log_n, salt, key = int(match[1]), base64.b64decode(match[2]), base64.b64decode(match[3])
    return hmac.compare_digest(_key(password, salt, log_n), key)


def _key(password: str, salt: bytes, log_n: int) -> bytes:
    memory = 130 * _R * 2**_STRONGEST
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=2**log_n, r=_R, p=_P, maxmem=memory, dklen=_KEY_BYTES)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
