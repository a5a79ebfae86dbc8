"""A port that somebody else has is told before anything is started: `deploy/ports.sh`."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nightshift.embedded.processes.ports import free_ports
from tests.compose.project import Project, run
from tests.compose.test_updates import update
from tests.repository import ROOT


def ports(project: Project, *arguments: str, **extra: str) -> str:
    """`deploy/ports.sh` on a project."""
    environment = project.environment | {"COMPOSE_PROJECT_NAME": project.name, "COMPOSE_FILE": ":".join(project.files)}
    return run(["sh", "deploy/ports.sh", *arguments], extra=environment | extra)


@contextmanager
def taken(port: int) -> Iterator[None]:
    """A program of this machine has the port."""
    with socket.create_server(("127.0.0.1", port)):
        yield


@pytest.fixture
def newcomer(_engine: None) -> Project:
    """A stack that was never started."""
    return Project()


def test_where_all_are_free_nothing_is_said(newcomer: Project) -> None:
    """And nothing is left of trying them."""
    assert ports(newcomer) == ""
    assert newcomer.left() == []


def test_each_port_that_a_program_has_is_told_with_the_setting_that_moves_it(newcomer: Project) -> None:
    """All of them at once; of some services only, where these are named."""
    with taken(newcomer.gateway_port), taken(newcomer.maildev_port):
        with pytest.raises(AssertionError) as told:
            ports(newcomer)
        assert f"port {newcomer.gateway_port} of gateway is in use by another program" in str(told.value)
        assert "(GATEWAY_PORT=… in .env)" in str(told.value)
        assert "(MAILDEV_PORT=… in .env)" in str(told.value)
        assert ports(newcomer, "nats", "seaweedfs") == ""
    assert newcomer.left() == []


def test_a_port_of_another_stack_is_told_by_its_container(stack: Project, newcomer: Project) -> None:
    """Whoever starts a second one reads which of the first one's it is; its own are no trouble to a stack."""
    with pytest.raises(AssertionError, match=f"by the container {stack.name}-nats-1: .*NATS_PORT="):
        ports(newcomer, NATS_PORT=str(stack.nats_port))
    assert ports(stack) == ""


def test_an_update_tells_of_a_port_before_anything_is_changed(stack: Project) -> None:
    """A setting that moves the gateway to where somebody is."""
    before = stack.containers("gateway")
    (port,) = free_ports(1)
    with (
        taken(port),
        pytest.raises(AssertionError, match=f"port {port} of gateway (.|\n)*nothing was changed"),
    ):
        update(stack, ROOT, "gateway", GATEWAY_PORT=str(port))
    assert stack.containers("gateway") == before
