"""One delivery of a message, as the broker handed it over, and the answers it takes."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

from nightshift.broker import Connection
from nightshift.broker.headers import Headers, decode

ACK_PREFIX = b"$JS.ACK."
_PROGRESS, _NAK = b"+WPI", b"-NAK"
_LONGEST_NAK_NS = 1 << 61
"""Seventy years: what is longer would not fit into the broker's number."""


@dataclass(slots=True, eq=False)
class Delivery:
    """A message in hand. `delivered` counts its deliveries from 1, `stored_ns` is when the broker stored it."""

    connection: Connection
    subject: str
    reply: bytes
    raw_headers: bytes
    body: bytes
    stream: str
    sequence: int
    delivered: int
    stored_ns: int
    pending: int
    headers: Headers = field(default_factory=dict)

    def ack(self) -> None:
        """Done with it: a queue drops the message."""
        self.connection.send(self.reply)

    async def ack_sync(self, timeout_seconds: float = 5.0) -> None:
        """Acknowledges and waits until the broker knows; for the rare ways out that must not be walked twice."""
        await self.connection.ask(self.reply.decode(), b"", timeout_seconds=timeout_seconds)

    def nak(self, delay: timedelta) -> None:
        """Hands it back, to be delivered again after `delay`; counts as a delivery, so only where nothing else goes."""
        nanoseconds = min(max(int(delay.total_seconds() * 1e9), 1), _LONGEST_NAK_NS)
        self.connection.send(self.reply, _NAK + b" " + json.dumps({"delay": nanoseconds}).encode())

    def progress(self) -> None:
        """Tells the broker that it is still being worked on, which starts `ack_wait` anew."""
        self.connection.send(self.reply, _PROGRESS)

    def origin(self) -> str:
        """A name for this stored message that no other has: stream, sequence and store time."""
        return f"{self.stream}:{self.sequence}:{self.stored_ns}"


def read(connection: Connection, subject: bytes, reply: bytes, raw_headers: bytes, body: bytes) -> Delivery:
    """Makes a delivery of what the pull received; `reply` is the acknowledgement subject of ADR-15.

    It has 9 tokens, or 11 and more when it names domain and account.
    """
    tokens = reply.split(b".")
    first = 2 if len(tokens) == 9 else 4  # noqa: PLR2004 - ADR-15
    return Delivery(
        connection,
        subject.decode("utf-8", "surrogateescape"),
        reply,
        raw_headers,
        body,
        tokens[first].decode(),
        int(tokens[first + 3]),  # sequence
        int(tokens[first + 2]),  # delivered
        int(tokens[first + 5]),  # stored_ns
        int(tokens[first + 6]),  # pending
        decode(raw_headers) if raw_headers else {},
    )
