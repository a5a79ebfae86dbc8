"""The health server over real sockets: answers whatever the event loop does, stays bounded, closes cleanly."""

import asyncio
import contextlib
import errno
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from nightshift.config.settings import SettingsError
from nightshift.observability.metrics import Metrics
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.health_server import HealthServer
from tests.harness import cancelled, eventually


@pytest.fixture
def checks() -> Checks:
    """Checks of a process that does not stall while a test lasts."""
    return Checks(stalled_after_seconds=600)


@pytest.fixture
def server(checks: Checks) -> Iterator[HealthServer]:
    """A running server on a free port."""
    with HealthServer("127.0.0.1", 0, Metrics(["email.send"]), checks) as running:
        yield running


@pytest.fixture
def impatient(checks: Checks) -> Iterator[HealthServer]:
    """One that cuts a connection after half a second."""
    with HealthServer("127.0.0.1", 0, Metrics(), checks, request_seconds=0.5) as running:
        yield running


def get(server: HealthServer, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


async def checked(checks: Checks, reasons: list[str]) -> None:
    """Run the checks until readiness has found these reasons."""
    running = asyncio.create_task(checks.run())
    await eventually(lambda: checks.readiness() == reasons, what=f"{reasons}, not {checks.readiness()}")
    await cancelled(running)


async def test_a_healthy_process_says_ok(server: HealthServer, checks: Checks) -> None:
    """Probes get 200, also with a query; HEAD has no body; other paths name those that exist."""

    async def fine() -> None:
        pass

    checks.ready("broker", fine)
    await checked(checks, [])
    assert get(server, "/healthz?verbose") == (200, "ok\n")
    assert get(server, "/readyz") == (200, "ok\n")
    assert get(server, "/healthz", "HEAD") == (200, "")
    assert get(server, "/") == (404, "there are /healthz, /readyz and /metrics\n")
    assert get(server, "/healthz", "POST")[0] == 501


async def test_what_is_wrong_is_a_503_with_reasons(server: HealthServer, checks: Checks) -> None:
    """Not ready is not dead."""

    async def away() -> None:
        raise OSError("refused")

    checks.ready("broker", away)
    await checked(checks, ["broker: refused"])
    assert get(server, "/readyz") == (503, "broker: refused\n")
    assert get(server, "/healthz") == (200, "ok\n")


async def test_it_answers_while_the_event_loop_is_blocked() -> None:
    """The orchestrator learns that the loop stands still from the process itself."""
    checks = Checks(stalled_after_seconds=0.1)
    with HealthServer("127.0.0.1", 0, Metrics(), checks) as server:
        status, body = 200, ""
        deadline = time.monotonic() + 5
        while status == 200 and time.monotonic() < deadline:
            status, body = get(server, "/healthz")  # blocks this loop: nothing can beat
        assert status == 503
        assert body.startswith("event loop: no sign of life for ")
        assert get(server, "/metrics")[0] == 200


def test_metrics_are_served(server: HealthServer) -> None:
    """Prometheus finds the numbers of the process."""
    status, body = get(server, "/metrics")
    assert status == 200
    assert 'nightshift_retries_total{type="email.send"} 0.0' in body


def test_a_failure_inside_is_a_500_and_no_more(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in a metric does not end the server."""
    monkeypatch.setattr(Metrics, "collect", lambda _: 1 / 0)
    assert get(server, "/metrics") == (500, "ZeroDivisionError: division by zero\n")
    assert get(server, "/nothing")[0] == 404


def test_a_taken_port_is_said_so(server: HealthServer) -> None:
    """The error names the variable and the way out."""
    second = HealthServer("127.0.0.1", server.port, Metrics(), Checks())
    with pytest.raises(SettingsError, match=rf"HEALTH_PORT: port {server.port} on 127.0.0.1 is taken .* or 0 for"):
        second.start()
    assert second.port == 0
    with pytest.raises(SettingsError, match=r"HEALTH_HOST: cannot listen on 'host\.invalid'"):
        HealthServer("host.invalid", 0, Metrics(), Checks()).start()


def test_idle_connections_cannot_hoard_it(impatient: HealthServer) -> None:
    """Too many connections are closed; those that say nothing are cut, and probes get through again."""
    server = impatient
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(16)]
    try:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            get(server, "/nothing")
        deadline = time.monotonic() + 5
        assert all(connection.recv(1) == b"" for connection in idle)
        while time.monotonic() < deadline:
            try:
                assert get(server, "/nothing")[0] == 404
                break
            except (ConnectionError, http.client.HTTPException):  # the threads are still ending
                continue
        else:
            pytest.fail("no probe got through after the idle connections were cut")
    finally:
        for connection in idle:
            connection.close()


def test_a_client_that_is_never_silent_is_cut_as_well(impatient: HealthServer) -> None:
    """A byte now and then does not keep a connection open: what counts is the time of the whole request."""
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=5) as slow:
        slow.sendall(b"GET /healthz HTTP/1.0\r\n")
        slow.settimeout(0.05)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                slow.sendall(b"X: y\r\n")
                assert slow.recv(1) == b""
                break
            except TimeoutError:  # not yet
                continue
            except OSError:  # reset
                break
        else:
            pytest.fail("the connection was not cut")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\r\n" * 5, b"G" * 70_000, b"GET /\xff HTTP/9\r\n\r\n"]
)
def test_garbage_harms_nobody(impatient: HealthServer, garbage: bytes) -> None:
    """It is answered by an error, or cut; the next probe gets its answer."""
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=5) as client:
        client.sendall(garbage)
        with contextlib.suppress(ConnectionError):
            while client.recv(1_000):
                pass
    assert get(impatient, "/nothing")[0] == 404


def test_it_stops_at_once_with_connections_open(checks: Checks) -> None:
    """Stopping frees the port and ends the threads; it may be repeated, and nothing is left to the collector."""
    server = HealthServer("127.0.0.1", 0, Metrics(), checks)
    server.stop()
    server.start()
    server.start()
    port = server.port
    with socket.create_connection(("127.0.0.1", port), timeout=5) as idle:
        assert get(server, "/nothing")[0] == 404
        before = time.monotonic()
        server.stop()
        assert time.monotonic() - before < 2
        assert idle.recv(1) == b""
    server.stop()
    assert server.port == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "health"]
    with HealthServer("127.0.0.1", port, Metrics(), checks) as again:
        assert again.port == port


def test_it_listens_on_ipv6_too(checks: Checks) -> None:
    """HEALTH_HOST may be an address of either kind."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        server = HealthServer("::1", 0, Metrics(), checks)
        server.start()
    except SettingsError as error:
        pytest.skip(str(error))
    try:
        assert server.url == f"http://[::1]:{server.port}"
        with socket.create_connection(("::1", server.port), timeout=5) as client:
            client.sendall(b"GET /nothing HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.0 404 ")
    finally:
        server.stop()


def test_everywhere_means_ipv6_and_ipv4(checks: Checks) -> None:
    """`::` takes both, so that the probes of a pod reach it whichever of them it has."""
    with HealthServer("::", 0, Metrics(), checks) as server:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, server.port), timeout=5) as connection:
                connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.0 200")


def test_everywhere_is_ipv4_on_a_machine_without_ipv6(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel with `ipv6.disable=1` makes no such socket."""
    real = socket.socket.__init__

    def without_ipv6(made: socket.socket, family: int = -1, *arguments: int, **more: int) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        real(made, family, *arguments, **more)

    monkeypatch.setattr(socket.socket, "__init__", without_ipv6)
    with HealthServer("::", 0, Metrics(), checks) as server:
        assert get(server, "/healthz") == (200, "ok\n")
