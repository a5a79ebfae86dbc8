"""How the credentials of linked accounts are kept: encrypted with keys that the application and the sync service share.

A stored text is `sealed:v1:<key id>:<base64>`; the base64 is nonce and ciphertext of XChaCha20-Poly1305 (libsodium's
`crypto_aead_xchacha20poly1305_ietf`), with the account's id as associated data, so that credentials that were copied to
another row do not open there. A text without that beginning was stored before there were keys.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from nightshift.config.secret import Secret

SEALED = "sealed:v1:"
_STORED = re.compile(r"sealed:v1:([0-9a-f]{8}):([A-Za-z0-9_=-]+)")
_KEY_BYTES = Aead.KEY_SIZE


class SealedError(Exception):
    """Credentials cannot be opened; the text says why, and what to do, without any secret."""


class NoKeyError(SealedError):
    """The key that is needed is not among ours."""


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The keys, newest first: that one seals, all of them open."""

    _keys: Sequence[bytes] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the setting ACCOUNT_KEYS, keys as `new_key` makes them, one a line or with commas, the newest first.

        Raises:
            ValueError: one of them is no key; the message does not repeat it.
        """
        keys = [_decoded(number, word) for number, word in enumerate(re.split(r"[\s,]+", text.strip()), 1)]
        return cls(tuple(keys))

    def __bool__(self) -> bool:
        return bool(self._keys)

    def seal(self, account_id: str, credentials: str) -> str:
        """Encrypt the credentials of an account.

        Raises:
            NoKeyError: there is no key.
        """
        self._demand()
        key = self._keys[0]
        sealed = Aead(key).encrypt(credentials.encode(), account_id.encode())
        return f"{SEALED}{key_id(key)}:{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, account_id: str, stored: str) -> Secret:
        """Decrypt what is stored for an account; a text from before there were keys is returned as it is.

        Raises:
            NoKeyError: it was encrypted with a key that is not among these.
            SealedError: it was changed, or it belongs to another account.
        """
        if not stored.startswith(SEALED):
            return Secret(stored)
        match = _STORED.fullmatch(stored)
        if match is None:
            raise SealedError("the account's stored credentials are damaged: link it again")
        key = next((key for key in self._keys if key_id(key) == match[1]), None)
        if key is None:
            raise NoKeyError(
                f"the account's credentials are encrypted with the key {match[1]}, which is not among ACCOUNT_KEYS "
                f"({', '.join(map(key_id, self._keys)) or 'not set'})"
            )
        try:
            return Secret(Aead(key).decrypt(base64.urlsafe_b64decode(match[2]), account_id.encode()).decode())
        except (CryptoError, ValueError):
            raise SealedError(
                "the account's stored credentials are damaged, or another account's: link it again"
            ) from None

    def _demand(self) -> None:
        if not self._keys:
            raise NoKeyError("there is no key to encrypt the account's credentials with: set ACCOUNT_KEYS")

    @property
    def beginning(self) -> str:
        """What every text begins with that is encrypted with the newest key.

        Raises:
            NoKeyError: there is none.
        """
        self._demand()
        return f"{SEALED}{key_id(self._keys[0])}:"


def new_key() -> str:
    """Return a new random key as text."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def key_id(key: bytes) -> str:
    """Return the name of a key, which says nothing about it."""
    return hashlib.sha256(b"nightshift account key" + key).hexdigest()[:8]


def _decoded(number: int, word: str) -> bytes:
    try:
        # `openssl rand -base64` writes + and /, which mean the same.
        key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(
            f"key {number} is none: write {_KEY_BYTES} random bytes in base64, as `openssl rand -base64 32` makes them"
        )
    return key
