"""A load of HTTP requests over connections that stay open, each of which sends the next when the last is answered.

It speaks HTTP by hand: a client library would be the bottleneck, and its rate the one that is measured.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Load:
    """What came of a load: seconds in all, milliseconds of each request, and how often each status."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, percent: int) -> float:
        """Return a percentile of the latencies."""
        return statistics.quantiles(self.latencies_ms, n=100)[percent - 1]

    def expect(self, status: int) -> None:
        """Check that every answer had this status.

        Raises:
            RuntimeError: one had not; says how many had which.
        """
        if set(self.statuses) != {status}:
            raise RuntimeError(f"expected {status} for all, but: {dict(self.statuses)}")


def post(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of a request."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Caller(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self._requests, self._load = requests, load
        self._buffer = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(rest) < _length(head):
            return
        self._load.latencies_ms.append((time.perf_counter() - self._sent) * 1000)
        self._load.statuses[int(head[9:12])] += 1
        self._buffer = rest[_length(head) :]
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server has closed the connection"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def send(port: int, requests: Sequence[bytes], callers: int) -> Load:
    """Send all requests by so many callers; each takes the next one when it has its answer."""
    load, waiting = Load(), iter(requests)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [await loop.create_connection(lambda: _Caller(waiting, load), "127.0.0.1", port) for _ in range(callers)]
    await asyncio.gather(*(caller.done for _, caller in made))
    load.seconds = time.perf_counter() - began
    return load
