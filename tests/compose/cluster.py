"""The stack with three brokers, of which each may die."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nightshift.embedded.processes.ports import free_ports
from tests.compose.project import Project
from tests.nats_cli import NatsCli

NODES = {"nats": "nats-1", "nats-2": "nats-2", "nats-3": "nats-3"}
"""Container -> what the broker in it calls itself."""


class ClusterProject(Project):
    """The stack of `docker-compose.cluster.yml`."""

    def __init__(self) -> None:
        super().__init__(besides=("docker-compose.cluster.yml",))
        second, third = free_ports(2)
        self._ports = {"nats": self.nats_port, "nats-2": second, "nats-3": third}
        self.environment |= {"NATS_2_PORT": str(second), "NATS_3_PORT": str(third)}

    @contextmanager
    def cli(self, user: str = "operator") -> Iterator[NatsCli]:
        """A connection of the `nats` command line to a broker that is there, which it verifies."""
        authority = self.password("broker-authority")
        for port in self._ports.values():
            try:
                connection = NatsCli(port, user=user, password=self.password(user), authority=authority)
            except OSError:
                continue
            with connection:
                yield connection
            return
        raise ConnectionError("none of the brokers answers")

    def leader(self, stream: str) -> str:
        """The container whose broker leads a stream."""
        with self.cli() as cli:
            leader = cli.req(f"$JS.API.STREAM.INFO.{stream}")["cluster"]["leader"]
        return next(container for container, name in NODES.items() if name == leader)

    def copies(self, *streams: str) -> list[int]:
        """How many copies of streams are there and know everything."""
        with self.cli() as cli:
            return [_current(cli.req(f"$JS.API.STREAM.INFO.{stream}")["cluster"]) for stream in streams]


def _current(cluster: dict[str, Any]) -> int:
    return int(bool(cluster.get("leader"))) + sum(bool(one["current"]) for one in cluster.get("replicas") or [])
