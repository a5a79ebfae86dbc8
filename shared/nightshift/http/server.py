"""The HTTP server inside the process's own event loop: uvicorn, supervised, drained when the process stops."""

import asyncio
import contextlib
import errno
import functools
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from nightshift.config.env_settings import SettingsError
from nightshift.heartbeat import Heartbeat
from nightshift.http.connection_limits import ConnectionLimits
from nightshift.http.protocol import BoundedProtocol
from nightshift.http.refusal import Refuse

_STALLED_SECONDS = 30.0
_BACKLOG = 2048


class SupervisedServer(uvicorn.Server):
    """uvicorn's server; signals are the process's business, and connections are looked at once a second."""

    def __init__(self, config: uvicorn.Config, heartbeat: Heartbeat) -> None:
        super().__init__(config)
        self._heartbeat = heartbeat

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Beat, and apply to each connection what depends on time; called ten times a second."""
        self._heartbeat.beat(_STALLED_SECONDS)
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections) if counter % 5 == 0 else ():
            if isinstance(connection, BoundedProtocol):
                connection.enforce(now)
        return await super().on_tick(counter)


def protocol_config(
    app: ASGIApp,
    limits: ConnectionLimits,
    refuse: Refuse,
    *,
    drain_seconds: float,
    certificate: Path | None = None,
    key: Path | None = None,
) -> uvicorn.Config:
    """Return how an application is served: over TLS, if there is a certificate."""
    return uvicorn.Config(
        app,
        http=functools.partial(BoundedProtocol, limits=limits, refuse=refuse),  # type: ignore[arg-type]  # it only calls it
        ws="none",
        lifespan="off",
        loop="none",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=int(drain_seconds),
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


async def serve_http(
    sockets: list[socket.socket], config: uvicorn.Config, stop: asyncio.Event, heartbeat: Heartbeat
) -> None:
    """Answer requests on these sockets until `stop` is set, then finish those in hand."""
    server = SupervisedServer(config, heartbeat)
    serving = asyncio.create_task(server.serve(sockets))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        heartbeat.beat()
        await serving
    finally:
        stopping.cancel()
        serving.cancel()


def listen(host: str, port: int, *, variables: str) -> socket.socket:
    """Listen on an address; on `::` for IPv4 as well, where the system can.

    `variables` is what the names of the two settings begin with: `GATEWAY` for GATEWAY_HOST and GATEWAY_PORT.

    Raises:
        SettingsError: it cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        every = str(address[0]) == "::" and socket.has_dualstack_ipv6()
        listening = socket.create_server((str(address[0]), port), family=family, backlog=_BACKLOG, dualstack_ipv6=every)
    except OSError as error:
        raise SettingsError([_problem(host, port, error, variables)]) from None
    listening.setblocking(False)
    return listening


def url_of(host: str, listening: socket.socket, *, tls: bool = False) -> str:
    """Return where a server answers that listens on `host`."""
    named = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{named}:{listening.getsockname()[1]}"


def _problem(host: str, port: int, error: OSError, variables: str) -> str:
    if error.errno == errno.EADDRINUSE:
        taken = f"port {port} on {host} is taken by another program"
        return f"{variables}_PORT: {taken}: choose another, or 0 for a free one"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{variables}_PORT: no permission to listen on port {port}: choose one above 1023"
    return f"{variables}_HOST: cannot listen on {host!r} port {port}: {error.strerror or error}"
