"""Ed25519 signatures of Standard Webhooks (`v1a`), by PyNaCl."""

import base64
from typing import TYPE_CHECKING, Final

from nightshift.config.extras import extra

if TYPE_CHECKING:
    import nacl.signing

VERIFYING_PREFIX: Final = "whpk_"
SIGNING_PREFIX: Final = "whsk_"
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


class EdKey:
    """A provider's public key `whpk_…`; or a private one `whsk_…`, which also signs samples."""

    def __init__(self, secret: str) -> None:
        """Read a key.

        Raises:
            ValueError: it is not 32 bytes in base64 (`whsk_`: 32, or 64 with the public key behind).
            SettingsError: PyNaCl is not installed.
        """
        with extra("webhooks", "a key that begins with whpk_ or whsk_"):
            from nacl.signing import SigningKey, VerifyKey  # noqa: PLC0415 - needs an extra
        private = secret.startswith(SIGNING_PREFIX)
        try:
            key = base64.b64decode(secret.removeprefix(VERIFYING_PREFIX).removeprefix(SIGNING_PREFIX), validate=True)
        except ValueError:
            raise ValueError("expected whpk_ and base64") from None
        if len(key) != _KEY_BYTES and not (private and len(key) == 2 * _KEY_BYTES):
            raise ValueError(f"expected a key of {_KEY_BYTES} bytes in base64, this one has {len(key)}")
        self._private: nacl.signing.SigningKey | None = SigningKey(key[:_KEY_BYTES]) if private else None
        self._public: nacl.signing.VerifyKey = self._private.verify_key if self._private else VerifyKey(key)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether a signature in base64 is this key's."""
        from nacl.exceptions import BadSignatureError  # noqa: PLC0415 - needs an extra

        try:
            raw = base64.b64decode(signature, validate=True)
            if len(raw) != _SIGNATURE_BYTES:
                return False
            self._public.verify(message, raw)
        except (ValueError, BadSignatureError):
            return False
        return True

    def sign(self, message: bytes) -> bytes | None:
        """Return the signature in base64; None for a public key."""
        return None if self._private is None else base64.b64encode(self._private.sign(message).signature)
