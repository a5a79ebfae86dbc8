"""Three brokers as one, on loopback: every stream is kept by all of them, and any one may die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.config.project import Project
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.stack import Stack
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import Topology
from tests.harness import connected, eventually

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

    async def meta_leader(self) -> Broker:
        """The node that answers what is asked about all streams together."""
        async with httpx.AsyncClient() as client:
            while True:
                answer = await client.get(f"{self.nodes[0].monitoring_url}/jsz")
                if node := self.node(answer.json().get("meta_cluster", {}).get("leader", "")):
                    return node
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def frozen_leader(self, connection: Connection, kind: str, name: str) -> AsyncIterator[None]:
        """Within, the node that leads a `STREAM` or `CONSUMER` is frozen; it is not the one that leads all."""
        first = await self.meta_leader()
        while True:
            info = await manage(connection, f"{kind}.INFO.{name}")
            node = self.node(info["cluster"].get("leader", ""))
            if node is not None and node is not first:
                break
            await manage(connection, f"{kind}.LEADER.STEPDOWN.{name}")
            await asyncio.sleep(0.2)
        node.pause()
        try:
            yield
        finally:
            node.resume()


@asynccontextmanager
async def provisioned(folder: Path, declared: Topology) -> AsyncIterator[tuple[Cluster, Connection]]:
    """A cluster with these streams, and a connection to the node that leads all."""
    cluster = Cluster(folder / "cluster", folder)
    await cluster.start()
    try:
        async with connected(await cluster.meta_leader()) as connection:
            await eventually(lambda: _answers(connection), what="the cluster answers")
            await provision_broker(connection, declared, replicas=NODES)
            yield cluster, connection
    finally:
        await cluster.kill()


async def _answers(connection: Connection) -> bool:
    try:
        await manage(connection, "STREAM.NAMES", timeout_seconds=1)
    except Unavailable:
        return False
    return True


class ClusterStack(Stack):
    """The stack with three brokers in place of one."""

    def __init__(self, folder: Path, *, project: Project | None = None) -> None:
        super().__init__(folder, project=project)
        self.cluster = Cluster(self.folder / "cluster", self.logs)
        self.broker = self.cluster  # type: ignore[assignment]  # it has what the stack asks of a broker
