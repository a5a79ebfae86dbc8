"""A delivery of a stored message, and the ways to answer it."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta

from nightshift.broker.connection import Connection
from nightshift.broker.message import StoredMessage

ACK_PREFIX = b"$JS.ACK."
_PROGRESS, _NAK = b"+WPI", b"-NAK"
_LONGEST_NAK_NS = 1 << 61
"""Seventy years: what is longer would not fit into the broker's number."""


class Delivery(StoredMessage, eq=False, kw_only=True):
    """A stored message that the broker delivered to this process, which owes it an answer.

    `delivered` counts its deliveries from 1; `pending` is how many more the consumer had when it sent this one.
    `acknowledged` is told the sequence when it is acknowledged.
    """

    connection: Connection
    reply: bytes
    delivered: int
    pending: int
    acknowledged: Callable[[int], object] | None = None

    def ack(self) -> None:
        """Acknowledge: a queue drops the message."""
        self.connection.send(self.reply)
        if self.acknowledged is not None:
            self.acknowledged(self.sequence)

    async def ack_sync(self, timeout_seconds: float = 5.0) -> None:
        """Acknowledge and wait until the broker knows; for the rare outcomes that must not be repeated.

        Raises:
            Unavailable: the broker did not answer.
        """
        await self.connection.ask(self.reply.decode(), b"", timeout_seconds=timeout_seconds)
        if self.acknowledged is not None:
            self.acknowledged(self.sequence)

    def nak(self, delay: timedelta) -> None:
        """Ask for redelivery after `delay`; it counts as a delivery, so use it only where nothing else goes."""
        nanoseconds = min(max(int(delay.total_seconds() * 1e9), 1), _LONGEST_NAK_NS)
        self.connection.send(self.reply, _NAK + b" " + json.dumps({"delay": nanoseconds}).encode())

    def progress(self) -> None:
        """Tell the broker that the work goes on, which starts `ack_wait` anew."""
        self.connection.send(self.reply, _PROGRESS)


def acknowledge(deliveries: Sequence[Delivery]) -> None:
    """Acknowledge deliveries of one connection in one write."""
    deliveries[0].connection.send_empty([delivery.reply for delivery in deliveries])
    for delivery in deliveries:
        if delivery.acknowledged is not None:
            delivery.acknowledged(delivery.sequence)


def read(
    connection: Connection,
    subject: bytes,
    reply: bytes,
    raw_headers: bytes,
    body: bytes,
    *,
    acknowledged: Callable[[int], object] | None = None,
) -> Delivery:
    """Return the delivery that a pull received; `reply` is the acknowledgement subject of ADR-15.

    It has 9 tokens, or 11 and more when it names domain and account.
    """
    tokens = reply.split(b".")
    first = 2 if len(tokens) == 9 else 4  # noqa: PLR2004 - ADR-15
    return Delivery(
        tokens[first].decode(),
        subject.decode("utf-8", "surrogateescape"),
        int(tokens[first + 3]),  # sequence
        int(tokens[first + 5]),  # stored_ns
        body,
        raw_headers,
        connection=connection,
        reply=reply,
        delivered=int(tokens[first + 2]),
        pending=int(tokens[first + 6]),
        acknowledged=acknowledged,
    )
