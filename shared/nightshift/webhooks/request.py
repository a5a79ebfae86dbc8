"""A provider's request as bytes: nothing in it is decoded before its signature is verified."""

from collections.abc import Sequence
from dataclasses import dataclass

from nightshift.webhooks.verdict import RefusedError

MAX_HEADER_BYTES = 8192
"""Room for 16 signatures of 512 bytes."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """Body, headers with names in lower case, and the query without its question mark."""

    body: bytes
    headers: Sequence[tuple[bytes, bytes]]
    query: bytes = b""

    def find(self, name: bytes) -> bytes | None:
        """Return a header's value; None when it is missing or empty.

        Raises:
            RefusedError: it is there more than once, is too long, or is not printable ASCII.
        """
        values = [value for key, value in self.headers if key == name]
        if not values or not values[0]:
            return None
        value = values[0]
        if len(values) > 1 or len(value) > MAX_HEADER_BYTES or not (value.isascii() and value.decode().isprintable()):
            raise RefusedError("malformed")
        return value

    def need(self, name: bytes) -> bytes:
        """Return a header's value.

        Raises:
            RefusedError: it is missing, empty, repeated, too long, or not printable ASCII.
        """
        value = self.find(name)
        if value is None:
            raise RefusedError("no-header")
        return value

    def text(self, name: bytes) -> str | None:
        """Return a header that no signature covers, as text; None when it is not one line of printable ASCII."""
        try:
            value = self.find(name)
        except RefusedError:
            return None
        return None if value is None else value.decode()
