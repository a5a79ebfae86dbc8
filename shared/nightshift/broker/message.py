"""Messages on their way to the broker, and as it stores them."""

from collections.abc import Mapping

import msgspec

from nightshift.broker.headers import Headers, decode

SCHEDULE = "Nats-Schedule"
SCHEDULE_TARGET = "Nats-Schedule-Target"


_BLOCK_BYTES = len(b"NATS/1.0\r\n\r\n")
_LINE_BYTES = len(b": \r\n")


class OutboundMessage(msgspec.Struct, frozen=True):
    """A message to be published."""

    subject: str
    headers: dict[str, str]
    body: bytes

    def size(self) -> int:
        """Return the bytes that count against the broker's limits: body and header block."""
        return len(self.body) + header_bytes(self.headers)


class Reply(msgspec.Struct, frozen=True):
    """The reply to a request: its headers and body."""

    headers: Headers
    body: bytes


class StoredMessage(msgspec.Struct, eq=False):
    """A message as a stream holds it; `stored_ns` is when the broker stored it, in nanoseconds since 1970.

    `header_block` is its headers as bytes; few messages need more of them than a worker reads in passing.
    """

    stream: str
    subject: str
    sequence: int
    stored_ns: int
    body: bytes = b""
    header_block: bytes = b""
    _headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """Return its headers, which are decoded when they are asked for first."""
        if self._headers is None:
            self._headers = decode(self.header_block) if self.header_block else {}
        return self._headers

    def origin(self) -> str:
        """Return a name for this message that no other has: stream, sequence and store time."""
        return f"{self.stream}:{self.sequence}:{self.stored_ns}"


def header_bytes(headers: Mapping[str, str]) -> int:
    """Return the length of the headers as a block on the wire."""
    return _BLOCK_BYTES + sum(
        len(name) + (len(value) if value.isascii() else len(value.encode("utf-8", "surrogateescape"))) + _LINE_BYTES
        for name, value in headers.items()
    )
