"""Choose free loopback ports for the programs of a stack."""

import random
import socket
import sys
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"

_LOWEST = 15_000
_EPHEMERAL_BY_DEFAULT = 32_768
_CHOICES = random.SystemRandom()  # two stacks that start at the same moment must not choose the same ports


def is_free(port: int) -> bool:
    """Return whether a program could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            # As the programs do: connections that linger after a restart do not count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int, *, accept: Callable[[int], bool] = is_free) -> list[int]:
    """Return `count` different free ports, all below the range the system gives to outgoing connections.

    A port from that range could be taken by any connection before its program starts; worse, a client that keeps
    reconnecting to a stopped program on such a port may in the end connect to itself and hold the port for good.

    Nothing reserves the ports: whoever starts a program on one must be ready to choose again.
    """
    ports: list[int] = []
    candidates = range(_LOWEST, max(_lowest_ephemeral(), _LOWEST + 5_000))
    for port in _CHOICES.sample(candidates, len(candidates)):
        if len(ports) == count:
            break
        if accept(port):
            ports.append(port)
    if len(ports) < count:
        raise OSError(f"no {count} free ports between {candidates.start} and {candidates.stop} on {LOOPBACK}")
    return ports


def _lowest_ephemeral() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_BY_DEFAULT  # macOS and Windows start at 49152
