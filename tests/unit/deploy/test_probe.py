"""A container's health check says what the process says."""

from collections.abc import Iterator

import pytest

from deploy import probe
from nightshift.observability.metrics import Metrics
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.health_server import HealthServer


@pytest.fixture
def checks() -> Checks:
    """The checks of a process."""
    return Checks()


@pytest.fixture
def server(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> Iterator[HealthServer]:
    """The real health server, on the port that the environment names."""
    with HealthServer("127.0.0.1", 0, Metrics(), checks) as running:
        monkeypatch.setenv("HEALTH_PORT", str(running.port))
        yield running


@pytest.mark.usefixtures("server")
def test_a_process_that_lives_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a path it asks whether the process is alive."""
    assert probe.main([]) == 0
    assert capsys.readouterr().out == "ok\n"


@pytest.mark.usefixtures("server")
def test_a_process_that_is_not_ready_says_why(checks: Checks, capsys: pytest.CaptureFixture[str]) -> None:
    """Docker keeps the text."""
    checks.drain()
    assert probe.main(["/readyz"]) == 1
    assert "process: is stopping" in capsys.readouterr().out


def test_a_process_that_does_not_answer_is_unhealthy(server: HealthServer, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback in Docker's log."""
    server.stop()
    assert probe.main(["/healthz"]) == 1
    assert "no answer" in capsys.readouterr().out


def test_without_a_fixed_port_there_is_nothing_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is wrong: exit code 2."""
    monkeypatch.delenv("HEALTH_PORT", raising=False)
    assert probe.main([]) == 2


def test_a_process_that_listens_on_ipv6_only_is_found(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod may have no IPv4 at all."""
    with HealthServer("::1", 0, Metrics(), checks) as running:
        monkeypatch.setenv("HEALTH_PORT", str(running.port))
        assert probe.main([]) == 0
