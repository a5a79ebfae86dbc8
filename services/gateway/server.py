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
from services.gateway.connection_limits import ConnectionLimits
from services.gateway.protocol import GatewayProtocol
from services.gateway.settings import GatewaySettings

_STALLED_SECONDS = 30.0
_BACKLOG = 2048


class GatewayServer(uvicorn.Server):
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
            if isinstance(connection, GatewayProtocol):
                connection.enforce(now)
        return await super().on_tick(counter)


def protocol_config(
    app: ASGIApp,
    limits: ConnectionLimits,
    *,
    drain_seconds: float,
    certificate: Path | None = None,
    key: Path | None = None,
) -> uvicorn.Config:
    """Return how an application is served: over TLS, if there is a certificate."""
    return uvicorn.Config(
        app,
        http=functools.partial(GatewayProtocol, limits=limits),  # type: ignore[arg-type]  # it only calls it
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
    server = GatewayServer(config, heartbeat)
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


def listen(settings: GatewaySettings) -> socket.socket:
    """Listen on the address of the settings; on `::` for IPv4 as well, where the system can.

    Raises:
        SettingsError: it cannot be listened on.
    """
    host, port = settings.gateway_host, settings.gateway_port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        every = str(address[0]) == "::" and socket.has_dualstack_ipv6()
        listening = socket.create_server((str(address[0]), port), family=family, backlog=_BACKLOG, dualstack_ipv6=every)
    except OSError as error:
        raise SettingsError([_problem(host, port, error)]) from None
    listening.setblocking(False)
    return listening


def url_of(settings: GatewaySettings, listening: socket.socket) -> str:
    """Return where the gateway answers."""
    scheme = "https" if settings.gateway_tls_cert_file else "http"
    host = f"[{settings.gateway_host}]" if ":" in settings.gateway_host else settings.gateway_host
    return f"{scheme}://{host}:{listening.getsockname()[1]}"


def _problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"GATEWAY_PORT: port {port} on {host} is taken by another program: choose another, or 0 for a free one"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"GATEWAY_PORT: no permission to listen on port {port}: choose one above 1023"
    return f"GATEWAY_HOST: cannot listen on {host!r} port {port}: {error.strerror or error}"
