"""Messages on their way to the broker: subject, headers, body."""

from collections.abc import Mapping

import msgspec

SCHEDULE = "Nats-Schedule"
SCHEDULE_TARGET = "Nats-Schedule-Target"


_BLOCK_BYTES = len(b"NATS/1.0\r\n\r\n")
_LINE_BYTES = len(b": \r\n")


class OutboundMessage(msgspec.Struct, frozen=True):
    """What goes to the broker."""

    subject: str
    headers: dict[str, str]
    body: bytes

    def size(self) -> int:
        """Return the bytes that count against the broker's limits: body and header block."""
        return len(self.body) + header_bytes(self.headers)


def header_bytes(headers: Mapping[str, str]) -> int:
    """Return the length of the headers as a block on the wire."""
    return _BLOCK_BYTES + sum(
        len(name) + len(value.encode("utf-8", "surrogateescape")) + _LINE_BYTES for name, value in headers.items()
    )
