"""The HTTP side of the health server: three paths, one request per connection, bounded in number and time."""

import contextlib
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, ClassVar

from nightshift.config.redaction import single_line
from nightshift.observability.metrics import Metrics
from nightshift.runtime.health_checks import Checks

_CONNECTIONS = 16
"""At the same time; a probe and two scrapers need three. More are closed without an answer."""

_REQUEST_SECONDS = 5.0
"""From accept to the end of the answer; then the connection is cut, however busy it is."""

_TEXT = "text/plain; charset=utf-8"

Answer = tuple[HTTPStatus, str, bytes]


class Answers:
    """What each path says, independent of HTTP's mechanics."""

    def __init__(self, checks: Checks, metrics: Metrics) -> None:
        self._checks = checks
        self._metrics = metrics

    def to(self, path: str, accept: str) -> Answer:
        """Returns status, content type and body for a path."""
        match path.partition("?")[0]:
            case "/healthz":
                return _verdict(self._checks.liveness())
            case "/readyz":
                return _verdict(self._checks.readiness())
            case "/metrics":
                body, content_type = self._metrics.exposition(accept)
                return HTTPStatus.OK, content_type, body
        return HTTPStatus.NOT_FOUND, _TEXT, b"there are /healthz, /readyz and /metrics\n"


def _verdict(reasons: list[str]) -> Answer:
    if not reasons:
        return HTTPStatus.OK, _TEXT, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, "".join(f"{reason}\n" for reason in reasons).encode()


class HttpServer(ThreadingMixIn, TCPServer):
    """Accepts a bounded number of connections and cuts those that take too long."""

    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], family: int, answers: Answers) -> None:
        self.address_family = family
        self.answers = answers
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts a thread for the connection, or closes it when there are too many."""
        with self._lock:
            full = len(self._open) >= _CONNECTIONS
            if not full:
                self._open[request] = time.monotonic()
        if full:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection and forgets it."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cuts the connections whose time is over; called a few times a second."""
        self._cut(before=time.monotonic() - _REQUEST_SECONDS)

    def server_close(self) -> None:
        """Closes everything and waits for the threads, which end because their connections do."""
        self._cut(before=float("inf"))
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a client that goes away in the middle is its own business."""

    def _cut(self, before: float) -> None:
        with self._lock:
            for connection, since in self._open.items():
                if since < before:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


class _Request(BaseHTTPRequestHandler):
    server: HttpServer
    timeout: ClassVar[float] = _REQUEST_SECONDS
    server_version = "nightshift"
    sys_version = ""
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = _TEXT

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        try:
            status, content_type, body = self.server.answers.to(self.path, self.headers.get("Accept", ""))
        except Exception as error:  # noqa: BLE001 - told to whoever asked; the process goes on
            status, content_type = HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT
            body = single_line(f"{type(error).__name__}: {error}").encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Writes no access lines."""
