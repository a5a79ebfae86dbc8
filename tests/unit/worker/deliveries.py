"""Deliveries as the broker would make them."""

from collections.abc import Mapping
from typing import Any

from nightshift.broker import Connection
from nightshift.broker.delivery import Delivery, read
from nightshift.broker.headers import encode

NOBODY: Any = Connection.__new__(Connection)


def delivered(
    subject: bytes = b"jobs.probe.run",
    body: bytes = b"{}",
    *,
    times: int = 1,
    headers: Mapping[str, str] | None = None,
    block: bytes = b"",
) -> Delivery:
    """Return a delivery; its headers are given as such, or as the block of bytes that they are."""
    reply = b"$JS.ACK.PROBE.probe.%d.17.5.1700000000000000123.0" % times
    return read(NOBODY, subject, reply, encode(headers) if headers else block, body)


def named(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers that were given as arguments: their names have hyphens for underscores."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
