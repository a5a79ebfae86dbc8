"""Three brokers as one, on loopback: every stream is kept by all of them, and any one may die."""

import asyncio
from pathlib import Path

from nightshift.config.project import Project
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.stack import Stack

NODES = 3

_CONFIG = """
cluster {{
  name: chaos
  listen: "{host}:{port}"
  routes: [{routes}]
}}
"""


class Cluster:
    """What the stack asks of its one broker, done by three."""

    def __init__(self, folder: Path, logs: Path) -> None:
        ports = free_ports(NODES)
        routes = ", ".join(f'"nats://{LOOPBACK}:{port}"' for port in ports)
        self.nodes = [
            Broker(
                folder / f"node-{number}",
                log=logs / f"nats-server-{number}.log",
                extra=_CONFIG.format(host=LOOPBACK, port=port, routes=routes),
            )
            for number, port in enumerate(ports, start=1)
        ]
        self.max_file_store = 0
        """Not used: a cluster keeps the disk limit of its brokers."""

    @property
    def url(self) -> str:
        """All addresses, with commas."""
        return ",".join(node.url for node in self.nodes)

    def node(self, server_name: str) -> Broker | None:
        """The node of this name."""
        return next((node for node in self.nodes if node.server_name == server_name), None)

    async def start(self) -> None:
        """Starts all nodes."""
        await asyncio.gather(*(node.start() for node in self.nodes))

    async def stop(self) -> None:
        """Stops all nodes in good order."""
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def kill(self) -> None:
        """Ends all nodes at once."""
        await asyncio.gather(*(node.kill() for node in self.nodes))


class ClusterStack(Stack):
    """The stack with three brokers in place of one."""

    def __init__(self, folder: Path, *, project: Project | None = None) -> None:
        super().__init__(folder, project=project)
        self.cluster = Cluster(self.folder / "cluster", self.logs)
        self.broker = self.cluster  # type: ignore[assignment]  # it has what the stack asks of a broker
