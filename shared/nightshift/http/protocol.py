"""HTTP/1.1 on one connection: uvicorn's protocol, with the bounds that it leaves open.

A client has a time for the head of a request and a pace for its body; heads are bounded in bytes and fields; whatever
is not HTTP as it should be is refused, and is the connection's last.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from nightshift.http.connection_limits import BodyMeter, ConnectionLimits, HeadMeter
from nightshift.http.lingering import LingeringTransport
from nightshift.http.refusal import Refusal, Refuse

CONNECTION = "nightshift.connection"
"""Where in an ASGI scope the connection is."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `enforce` is called about twice a second and applies what depends on time."""

    transport: LingeringTransport  # type: ignore[assignment]  # what uvicorn uses of one, it has
    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # None before the first request

    def __init__(self, *arguments: Any, limits: ConnectionLimits, refuse: Refuse, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits, self._refusal = limits, refuse
        self._head, self._body = HeadMeter(limits, self.loop.time()), BodyMeter(limits)
        self._stalled_since: float | None = None
        self._problem: Refusal | None = None
        self._refused = False

    @property
    def is_receiving(self) -> bool:
        """Whether something of a request may still come in that is not read any more."""
        return self._body.expected or self._refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; a connection too many is told so and closed."""
        super().connection_made(LingeringTransport(transport, self._limits, lambda: self.is_receiving))  # type: ignore[arg-type]
        if len(self.connections) > self._limits.connections:
            self._refuse(self._refusal("busy", "There are too many connections.", retry_after=1))

    def data_received(self, data: bytes) -> None:
        """Parse what has come, or drop it where the connection only waits for its end."""
        if self.transport.lingers:
            self.transport.drop(len(data))
            return
        self._unset_keepalive_if_required()
        if not (self._body.expected or self._is_answering):
            self._head.await_one(self.loop.time())  # even if these are empty lines, which begin no request
        continued = self._head.begun
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # no other protocol is spoken here, and the request was a request
            if self.cycle is not None:
                self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(self._problem or self._refusal("bad-request", "This is not HTTP/1.1 as it should be."))
            return
        if continued and self._head.begun and not self._head.grew(len(data)):
            self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head.begin(self.loop.time())

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        if not self._head.grew(len(url)):
            self._violated(self._too_large())
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; those that follow a body are nobody's."""
        if not self._head.begun:
            return
        if not self._head.grew(len(name) + len(value) + len(": \r\n"), fields=1):
            self._violated(self._too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head as a whole, then let the application have the request."""
        names = [name for name, _ in self.headers]
        version = self.parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            self._violated(self._refusal("http-version"))
        if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
            self._violated(self._refusal("bad-request", "A request has exactly one Host field."))
        has_body = b"transfer-encoding" in names or b"content-length" in names
        if has_body and self.parser.should_upgrade():
            self._violated(self._refusal("bad-request", "A request with a body cannot ask for another protocol."))
        self._head.end()
        if has_body:
            self._body.begin(self.loop.time())
        self.scope[CONNECTION] = self  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; one that comes alone is handed on as it is, where uvicorn would copy it twice."""
        self._body.grew(len(body))
        cycle: Any = self.cycle
        if not cycle.body:
            cycle.body = b""  # to add to it is no copy
        elif isinstance(cycle.body, bytes):
            cycle.body = bytearray(cycle.body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request has wholly come."""
        self._body.end()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._stalled_since = None
        super().resume_writing()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer a client that has said all that it wants to say; one that ends amid its answer has gone away."""
        self.transport.flush()
        if self.cycle is None or not self._is_answering or self.is_receiving or self.scheme != "http":
            return None
        if self.cycle.response_started:  # so does a client that follows events and has seen enough
            return None
        self.cycle.keep_alive = False
        return True

    def enforce(self, now: float) -> None:
        """Cut off a client that is too slow."""
        if self.transport.lingers:
            self.transport.enforce(now)
        elif self._stalled_since is not None:
            if now - self._stalled_since > self._limits.stalled_answer_seconds:
                self.transport.abort()
        elif self._head.is_late(now):
            if self._head.begun:
                self._refuse(self._refusal("timeout", "The head of the request did not come in time."))
            else:
                self.transport.close()
        elif self._body.expected and self.cycle is not None:
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:
                self._body.pause(now)
            elif self._body.is_late(now):
                self._refuse(self._refusal("timeout", "The body came too slowly."))

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _too_large(self) -> Refusal:
        limits = self._limits
        return self._refusal(
            "head-too-large", f"The limits are {limits.head_bytes} bytes and {limits.head_fields} header fields."
        )

    def _violated(self, problem: Refusal) -> None:
        self._problem = problem
        raise ValueError(problem.status)

    def _refuse(self, problem: Refusal) -> None:
        """Answer with a problem, where an answer is due, and close."""
        self._refused = True
        started = False
        if self.cycle is not None and self._is_answering:
            if not self._body.expected:  # an earlier request gets its answer first, and then it is over
                self.cycle.keep_alive = False
                self.pipeline.clear()
                self.flow.pause_reading()
                return
            started, self.cycle.disconnected = self.cycle.response_started, True
            self.cycle.message_event.set()
        if not started:
            self.transport.write(_answer(problem))
        self.transport.close()


def _answer(problem: Refusal) -> bytes:
    body = problem.body("")
    head = [
        STATUS_LINE[problem.status],
        f"content-type: {problem.media_type}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n".encode(),
        *(f"{name.lower()}: {value}\r\n".encode() for name, value in problem.headers.items()),
    ]
    return b"".join([*head, b"\r\n", body])
