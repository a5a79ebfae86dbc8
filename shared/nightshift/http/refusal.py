"""The answer to a connection that is refused, in the form of the application that is served."""

from collections.abc import Mapping
from typing import Protocol


class Refusal(Protocol):
    """An answer that ends a connection."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Further headers of the answer."""

    @property
    def media_type(self) -> str:
        """What `body` is."""

    def body(self, request_id: str) -> bytes:
        """Return the body; a connection that is refused has no request to name."""


class Refuse(Protocol):
    """Makes the answer: `code` is busy, bad-request, timeout, head-too-large or http-version."""

    def __call__(self, code: str, detail: str = "", *, retry_after: float | None = None) -> Refusal:
        """Return the answer; `detail` is a sentence for the client."""
