"""Answers `/healthz`, `/readyz` and `/metrics` from a thread, so also while the event loop is blocked."""

import errno
import socket
import threading
from types import TracebackType
from typing import Self

from nightshift.config.env_settings import SettingsError
from nightshift.observability.metrics import Metrics
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.health_server import Answers, HttpServer


class HealthServer:
    """A small HTTP server for probes and scrapes, on loopback by default.

    Raises:
        SettingsError: on `start`, when the address cannot be had.
    """

    def __init__(self, host: str, port: int, metrics: Metrics, checks: Checks) -> None:
        """Serves on `host` and `port`, where 0 takes a free one; nothing listens before `start`."""
        self._host = host
        self._wanted_port = port
        self._answers = Answers(checks, metrics)
        self._server: HttpServer | None = None
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
        """Listens and answers from now on; a second call does nothing."""
        if self._server is not None:
            return
        try:
            family, _, _, _, address = socket.getaddrinfo(self._host, self._wanted_port, type=socket.SOCK_STREAM)[0]
            self._server = HttpServer((str(address[0]), self._wanted_port), family, self._answers)
        except OSError as error:
            raise SettingsError([_refused(self._host, self._wanted_port, error)]) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops listening and closes what is open; a second call does nothing. Takes up to 0.2 s."""
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


def _refused(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"HEALTH_PORT: port {port} on {host} is taken by another program: choose another one, or 0 for a free one"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"HEALTH_PORT: no permission to listen on port {port}: choose one above 1023"
    return f"HEALTH_HOST: cannot listen on '{host}' port {port}: {error.strerror or error}"
