"""One request and its answer as they pass: counted, named, and logged in one line at the end."""

import asyncio
import itertools
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightshift.gateway.metrics import RequestMetrics
from nightshift.gateway.problems import CONTENT_TYPE, Problem
from nightshift.http.protocol import CONNECTION, BoundedProtocol
from nightshift.observability.log import request_line

EXCHANGE = "gateway.exchange"
"""Where in an ASGI scope the exchange is."""
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


_PROCESS, _numbers = secrets.token_hex(4), itertools.count(1)
"""Together they name a request, among those of all replicas."""


class Exchange:
    """What is known of one request: nothing that it carries reaches the log but this."""

    __slots__ = (
        "_connection",
        "_receive",
        "_send",
        "began",
        "key_id",
        "method",
        "received",
        "request_id",
        "route",
        "sent",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._connection: BoundedProtocol | None = scope.get(CONNECTION)
        self.method: str = scope["method"]
        self.request_id = f"{_PROCESS}{next(_numbers):08x}"
        self.route, self.key_id = "", ""
        self.status, self.received, self.sent = 0, 0, 0
        self.began = time.perf_counter()

    async def receive(self) -> Message:
        """Pass on what comes in."""
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Pass on what goes out; an answer that comes before the whole body has come is the connection's last."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = headers = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                _NO_SNIFFING,
            ]
            if self._connection is not None and self._connection.is_receiving:
                headers.append((b"connection", b"close"))
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)

    def close(self, metrics: RequestMetrics) -> None:
        """Count the request, and write its line."""
        seconds = time.perf_counter() - self.began
        metrics.answered(self.route, self.status, seconds)
        request_line(
            method=self.method,
            route=self.route,
            status=self.status,
            bytes_in=self.received,
            bytes_out=self.sent,
            duration_ms=seconds * 1000,
            key=self.key_id,
            request_id=self.request_id,
        )


class Exchanges:
    """The outermost layer: makes an exchange of every request."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics | None = None) -> None:
        self._app, self._metrics = app, metrics or RequestMetrics(())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope[EXCHANGE] = exchange = Exchange(scope, receive, send)
        self._metrics.in_hand += 1
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:  # the drain has taken too long
            if not exchange.status:
                await _send_problem(exchange, Problem("draining", retry_after=1))
        finally:
            self._metrics.in_hand -= 1
            exchange.close(self._metrics)
            del scope[EXCHANGE]  # which holds the scope: a cycle is left to the garbage collector


async def _send_problem(exchange: Exchange, problem: Problem) -> None:
    body = problem.body(exchange.request_id)
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    await exchange.send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": body})


def exchange_of(scope: Scope) -> Any:
    """Return the exchange that a scope belongs to."""
    return scope[EXCHANGE]
