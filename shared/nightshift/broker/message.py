"""Messages on their way to the broker: subject, headers, body."""

import msgspec

SCHEDULE = "Nats-Schedule"
SCHEDULE_TARGET = "Nats-Schedule-Target"


class OutboundMessage(msgspec.Struct, frozen=True):
    """What goes to the broker."""

    subject: str
    headers: dict[str, str]
    body: bytes

    def size(self) -> int:
        """Bytes that count against the broker's limits: body and header block."""
        pairs = self.headers.items()
        return (
            len(self.body)
            + sum(len(name) + len(value.encode("utf-8", "surrogateescape")) + 4 for name, value in pairs)
            + 12
        )
