"""HTTP/1.1 on one connection: uvicorn's protocol, with the bounds that it leaves open.

A client has a time for the head of a request and a pace for its body; heads are bounded in bytes and fields; what an
answer leaves unread is dropped for a moment, so that its sender sees the answer and not a reset connection.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from services.gateway.problems import CONTENT_TYPE, Problem

CONNECTION = "gateway.connection"
"""Where in an ASGI scope the connection is."""


@dataclass(slots=True, frozen=True)
class ConnectionLimits:
    """The bounds of a connection; times in seconds."""

    head_bytes: int = 32 * 1024
    head_fields: int = 100
    head_seconds: float = 10.0
    first_byte_seconds: float = 10.0
    body_window_seconds: float = 30.0
    body_bytes_per_second: float = 1024.0
    stalled_answer_seconds: float = 60.0
    """A client that reads nothing of its answer for so long is cut off."""
    linger_bytes: int = 1024 * 1024
    linger_seconds: float = 2.0
    connections: int = 1000


class GatewayProtocol(HttpToolsProtocol):
    """One connection. `enforce` is called about once a second and applies what depends on time."""

    def __init__(self, *arguments: Any, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits
        self._head_since: float | None = None
        """When the request began whose head is not complete; None: there is none."""
        self._begun = False
        self._head_bytes, self._fields = 0, 0
        self._body_since: float | None = None
        """When the body began that is not complete; None: there is none."""
        self._window_since, self._window_bytes, self._any_body = 0.0, 0, False
        self._stalled_since: float | None = None
        self._problem: Problem | None = None
        self._lingering_since: float | None = None
        self._dropped = 0

    @property
    def is_receiving(self) -> bool:
        """Whether the body of the request in hand has not wholly come yet."""
        return self._body_since is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; a connection too many is told so and closed."""
        super().connection_made(_Lingering(transport, self))  # type: ignore[arg-type]
        self._head_since = self.loop.time()
        if len(self.connections) > self._limits.connections:
            self._refuse(Problem("busy", "There are too many connections.", retry_after=1))

    def data_received(self, data: bytes) -> None:
        """Parse what has come, or drop it where the connection only waits for its end."""
        if self._lingering_since is not None:
            self._drop(len(data))
            return
        self._unset_keepalive_if_required()
        if self._head_since is None and self._body_since is None and not self._is_answering:
            self._head_since = self.loop.time()  # empty lines before a request are no sign of one
        continued = self._begun and self._head_since is not None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # no other protocol is spoken here
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(self._problem or Problem("bad-request", "This is not HTTP/1.1 as it should be."))
            return
        if continued and self._begun and self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(self._too_large())

    # Parser callbacks

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._begun, self._head_bytes, self._fields = True, 0, 0
        if self._head_since is None:
            self._head_since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; those that follow a body are nobody's."""
        if self._head_since is None:
            return
        self._fields += 1
        self._head_bytes += len(name) + len(value) + 4
        if self._fields > self._limits.head_fields or self._head_bytes + len(self.url) > self._limits.head_bytes:
            self._violated(self._too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head as a whole, then let the application have the request."""
        names = [name for name, _ in self.headers]
        if self.parser.get_http_version() not in {"1.1", "1.0"}:
            self._violated(Problem("http-version"))
        if names.count(b"host") != 1 and (self.parser.get_http_version() == "1.1" or b"host" in names):
            self._violated(Problem("bad-request", "A request has exactly one Host field."))
        has_body = b"transfer-encoding" in names or b"content-length" in names
        if has_body and b"content-length" in names and b"transfer-encoding" in names:
            self._violated(Problem("bad-request", "Content-Length and Transfer-Encoding exclude each other."))
        if has_body and self.parser.should_upgrade():
            self._violated(Problem("bad-request", "A request with a body cannot ask for another protocol."))
        self._head_since, self._begun = None, False
        if has_body:
            self._body_since = self._window_since = self.loop.time()
            self._window_bytes, self._any_body = 0, False
        self.scope[CONNECTION] = self  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._any_body = True
        self._window_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request has wholly come."""
        self._body_since = None
        super().on_message_complete()

    # What depends on time

    def enforce(self, now: float) -> None:
        """Cut off a client that is too slow."""
        limits = self._limits
        if self._lingering_since is not None:
            if now - self._lingering_since > limits.linger_seconds:
                self._end()
        elif self._stalled_since is not None:
            if now - self._stalled_since > limits.stalled_answer_seconds:
                self.transport.abort()
        elif self._head_since is not None:
            if now - self._head_since > limits.head_seconds:
                self._too_slow("The head of the request did not come in time.")
        elif self._body_since is not None:
            self._enforce_pace(now)

    def _enforce_pace(self, now: float) -> None:
        limits = self._limits
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:  # it is we who do not read
            self._body_since = self._window_since = now
            self._window_bytes = 0
        elif not self._any_body:
            if now - self._body_since_or(now) > limits.first_byte_seconds:
                self._too_slow("The body did not begin in time.")
        elif now - self._window_since >= limits.body_window_seconds:
            if self._window_bytes < limits.body_bytes_per_second * (now - self._window_since):
                self._too_slow("The body comes too slowly.")
            self._window_since, self._window_bytes = now, 0

    def _body_since_or(self, now: float) -> float:
        return now if self._body_since is None else self._body_since

    def _too_slow(self, detail: str) -> None:
        if self._head_since is not None and not self._begun:
            self._end()  # nothing was asked
        else:
            self._refuse(Problem("timeout", detail))

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._stalled_since = None
        super().resume_writing()

    # The end

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _too_large(self) -> Problem:
        limits = self._limits
        return Problem(
            "head-too-large", f"The limits are {limits.head_bytes} bytes and {limits.head_fields} header fields."
        )

    def _violated(self, problem: Problem) -> None:
        self._problem = problem
        raise ValueError(problem.code)

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem, where an answer is due, and close."""
        in_head = self._head_since is not None
        if self._is_answering and in_head:  # an earlier request gets its answer first, and then it is over
            self.cycle.keep_alive = False
            self.pipeline.clear()
            self.flow.pause_reading()
            return
        if self._is_answering:
            started, self.cycle.disconnected = self.cycle.response_started, True
            self.cycle.message_event.set()
        else:
            started = False
        if not started:
            self.transport.write(_answer(problem))
        self._body_since = self._body_since or self.loop.time()
        self.linger()

    def linger(self) -> None:
        """Close; first drop for a moment what is still coming in, or the client would not see its answer."""
        transport = self.transport.real  # type: ignore[attr-defined]
        if self._lingering_since is not None or transport.is_closing():
            return
        if self._body_since is None:
            transport.close()
            return
        self._lingering_since = self.loop.time()
        with contextlib.suppress(OSError, NotImplementedError, RuntimeError):
            if transport.can_write_eof():
                transport.write_eof()
        self.flow.resume_reading()

    @property
    def is_ending(self) -> bool:
        """Whether nothing more is answered on this connection."""
        return self._lingering_since is not None

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Go on answering a client that has said all it wants to say."""
        if self._is_answering and self._body_since is None and self._lingering_since is None and self.scheme == "http":
            self.cycle.keep_alive = False
            return True
        return None

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > self._limits.linger_bytes:
            self._end()

    def _end(self) -> None:
        self.transport.real.close()  # type: ignore[attr-defined]


class _Lingering:
    """A transport whose `close` lets the connection linger."""

    def __init__(self, real: asyncio.Transport, connection: GatewayProtocol) -> None:
        self.real, self._connection = real, connection
        self.write, self.abort = real.write, real.abort
        self.pause_reading, self.resume_reading = real.pause_reading, real.resume_reading
        self.get_extra_info = real.get_extra_info

    def close(self) -> None:
        self._connection.linger()

    def is_closing(self) -> bool:
        return self._connection.is_ending or self.real.is_closing()


def _answer(problem: Problem) -> bytes:
    body = problem.body("")
    head = [
        STATUS_LINE[problem.status],
        f"content-type: {CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n".encode(),
        *(f"{name.lower()}: {value}\r\n".encode() for name, value in problem.headers.items()),
    ]
    return b"".join([*head, b"\r\n", body])
