"""The health server answers `/healthz`, `/readyz` and `/metrics` from threads, so also while the event loop is blocked.

Requests are short: one per connection, and both the number of connections and the time that each may take are bounded.
"""

import contextlib
import errno
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from nightshift.config.env_settings import SettingsError
from nightshift.config.redaction import single_line
from nightshift.observability.metrics import Metrics
from nightshift.runtime.dual_stack import ANYWHERE, ANYWHERE_IPV4, NO_IPV6
from nightshift.runtime.health_checks import Checks

_CONNECTIONS = 16
"""At the same time; a probe and two scrapers need three. More are closed without an answer."""
_REQUEST_SECONDS = 5.0
"""From accept to the end of the answer; then the connection is cut, however busy it is."""
_LOOK_SECONDS = 0.2
_TEXT = "text/plain; charset=utf-8"

Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type and body."""


class HealthServer:
    """A small HTTP server for probes and scrapes, and a context manager that starts and stops it."""

    def __init__(
        self, host: str, port: int, metrics: Metrics, checks: Checks, *, request_seconds: float = _REQUEST_SECONDS
    ) -> None:
        """Serve on `host` and `port`, where 0 takes a free one; nothing listens before `start`."""
        self._host, self._wanted_port, self._request_seconds = host, port, request_seconds
        self._metrics, self._checks = metrics, checks
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 while stopped."""
        return int(self._server.server_address[1]) if self._server else 0

    @property
    def url(self) -> str:
        """Where the server answers, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Listen and answer from now on; a second call does nothing.

        Raises:
            SettingsError: the address cannot be listened on.
        """
        if self._server is not None:
            return
        try:
            self._server = self._listen(self._host)
        except OSError as error:
            raise SettingsError([_listen_problem(self._host, self._wanted_port, error)]) from None
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(_LOOK_SECONDS,), name="health", daemon=True)
        self._thread.start()

    def _listen(self, host: str) -> "_Server":
        family, _, _, _, address = socket.getaddrinfo(host, self._wanted_port, type=socket.SOCK_STREAM)[0]
        try:
            return _Server((str(address[0]), self._wanted_port), family, self._answer, self._request_seconds)
        except OSError as error:
            if host != ANYWHERE or error.errno not in NO_IPV6:
                raise
            return self._listen(ANYWHERE_IPV4)

    def stop(self) -> None:
        """Stop listening and close what is open; a second call does nothing. Takes up to 0.2 s."""
        server, thread, self._server, self._thread = self._server, self._thread, None, None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _answer(self, path: str, accept: str) -> Answer:
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


def _listen_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"HEALTH_PORT: port {port} on {host} is taken by another program: choose another one, or 0 for a free one"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"HEALTH_PORT: no permission to listen on port {port}: choose one above 1023"
    return f"HEALTH_HOST: cannot listen on '{host}' port {port}: {error.strerror or error}"


class _Server(ThreadingHTTPServer):
    """Bounds what the standard library's server leaves open: the number of connections, and the time of each."""

    daemon_threads = False  # so that closing waits for them; they end because their connections are cut
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], family: int, answer: Any, request_seconds: float) -> None:
        self.address_family, self.answer, self._request_seconds = family, answer, request_seconds
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Request)

    def server_bind(self) -> None:
        """Bind without asking the name service for our own name, which nobody needs and which may take long.

        `::` means all addresses, those of IPv4 too, whatever the system's default.
        """
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the connection, or close it if there are too many."""
        with self._lock:
            full = len(self._open) >= _CONNECTIONS
            if not full:
                self._open[request] = time.monotonic()
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut the connections whose time is over; called a few times a second."""
        self._cut(before=time.monotonic() - self._request_seconds)

    def server_close(self) -> None:
        """Cut all connections and wait for their threads."""
        self._cut(before=float("inf"))
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a client that disconnects in the middle is its own business."""

    def _cut(self, before: float) -> None:
        with self._lock:
            for connection, since in self._open.items():
                if since < before:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


class _Request(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "nightshift", ""
    error_message_format, error_content_type = "%(code)d %(message)s\n", _TEXT

    def do_GET(self) -> None:
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        self._respond(with_body=False)

    def _respond(self, *, with_body: bool) -> None:
        try:
            status, content_type, body = self.server.answer(self.path, self.headers.get("Accept", ""))
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
        """Write no access lines."""
