"""Messages on their way to the broker, and as it stores them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from nightshift.broker.headers import Headers

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


@dataclass(slots=True, eq=False)
class StoredMessage:
    """A message as a stream holds it; `stored_ns` is when the broker stored it, in nanoseconds since 1970.

    Treat as immutable: freezing it would cost time for each job.
    """

    stream: str
    subject: str
    sequence: int
    stored_ns: int
    body: bytes = b""
    headers: Headers = field(default_factory=dict)

    def origin(self) -> str:
        """Return a name for this message that no other has: stream, sequence and store time."""
        return f"{self.stream}:{self.sequence}:{self.stored_ns}"


def header_bytes(headers: Mapping[str, str]) -> int:
    """Return the length of the headers as a block on the wire."""
    return _BLOCK_BYTES + sum(
        len(name) + len(value.encode("utf-8", "surrogateescape")) + _LINE_BYTES for name, value in headers.items()
    )
