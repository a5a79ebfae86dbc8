"""The choice of ports."""

import socket

import pytest

from nightshift.embedded.processes import ports


def test_ports_are_free_distinct_and_below_the_ephemeral_range() -> None:
    """No outgoing connection can take a chosen port, and a client can never connect to itself there."""
    chosen = ports.free_ports(20)
    assert len(set(chosen)) == 20
    assert all(15_000 <= port < ports._lowest_ephemeral() for port in chosen)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    """A listener makes its port taken, and free again when it closes."""
    (port,) = ports.free_ports(1)
    with socket.create_server((ports.LOOPBACK, port)):
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_a_port_with_lingering_connections_is_free() -> None:
    """After a restart the old connections linger in TIME_WAIT; that must not cost a server its port."""
    (port,) = ports.free_ports(1)
    with socket.create_server((ports.LOOPBACK, port)) as server:
        client = socket.create_connection((ports.LOOPBACK, port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first keeps the port in TIME_WAIT
        client.close()
    assert ports.is_free(port)


def test_too_few_free_ports_is_an_error() -> None:
    """When nothing is free the error says so, instead of an endless search."""
    with pytest.raises(OSError, match="no 1 free ports between 15000 and"):
        ports.free_ports(1, accept=lambda _: False)
