"""Passwords as PostgreSQL stores them, so that no statement and no server's log holds one."""

import base64
import hashlib
import hmac
import secrets

_ITERATIONS = 4096
"""PostgreSQL's own number (scram_iterations)."""


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """Return what PostgreSQL stores of a password: SCRAM-SHA-256, in the form of RFC 5803; a random salt by default."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(_signed(salted, b"Client Key")).digest()
    salt_text, stored_text, server_text = (
        base64.b64encode(part).decode() for part in (salt, stored, _signed(salted, b"Server Key"))
    )
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_text}${stored_text}:{server_text}"


def _signed(key: bytes, word: bytes) -> bytes:
    return hmac.new(key, word, hashlib.sha256).digest()
