"""The exporter on three real brokers, which die one after another."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from deploy.broker_metrics import BrokerMetrics
from deploy.broker_state import ask
from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import manage, store
from nightshift.contract import wire
from nightshift.embedded.servers.broker import Broker
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from tests.chaos.cluster import Cluster
from tests.harness import connected, eventually, probe_topology
from tests.servers import needing_programs

JOBS = 30


class Scrapes:
    """What Prometheus would see of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        urls = {node.server_name: node.monitoring_url for node in cluster.nodes}
        self._label = {name: urlsplit(url).netloc for name, url in urls.items()}
        self._metrics = BrokerMetrics({self._label[name]: partial(ask, url) for name, url in urls.items()})

    async def _now(self) -> dict[tuple[str, ...], float]:
        families = await asyncio.to_thread(lambda: list(self._metrics.collect()))
        samples = [sample for family in families for sample in family.samples]
        return {(one.name, *one.labels.values()): one.value for one in samples}

    async def waits(self, jobs: int) -> bool:
        """Whether so many jobs wait in the queue."""
        return (await self._now()).get(("nightshift_consumer_pending", "PROBE", "probe")) == jobs

    async def hold(self, jobs: int) -> bool:
        """Whether the queue's stream holds so many, and nobody claims to know how many of them wait."""
        now = await self._now()
        return now.get(("nightshift_stream_messages", "PROBE")) == jobs and not any("pending" in key[0] for key in now)

    async def says(self, metric: str, node: Broker, value: float | None) -> bool:
        """Whether a figure of a broker is this one; None: it is not told."""
        return (await self._now()).get((metric, self._label[node.server_name])) == value


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Three brokers."""
    made = Cluster(tmp_path, tmp_path)
    with needing_programs():
        await made.start()
    try:
        yield made
    finally:
        await made.kill()


async def publish(connection: Connection) -> None:
    """Some jobs that nobody takes; by its id, each is published again when a broker dies before it answers."""
    for _ in range(JOBS):
        await store(connection, "jobs.probe.run", {wire.MSG_ID: uuid4().hex}, b"{}", timeout_seconds=20)


async def provisioned(connection: Connection) -> None:
    """Every stream in three copies; brokers that have just begun elect first, and leave without an answer who asks."""

    async def elected() -> bool:
        try:
            await manage(connection, "INFO", timeout_seconds=1)
        except (BrokerRefusedError, Unavailable):
            return False
        return True

    async def done() -> bool:
        try:
            await provision_broker(connection, probe_topology(), replicas=3)
        except (BrokerRefusedError, Unavailable):
            return False
        return True

    await eventually(elected, what="the cluster has a leader", timeout_seconds=30)
    await eventually(done, what="the cluster takes streams", timeout_seconds=30)


async def test_a_broker_of_three_dies_and_the_figures_stay_right(cluster: Cluster) -> None:
    """First the leader of the queue: how many jobs wait is known all the while. Of two, that nothing works is told."""
    async with connected(cluster, "operator") as connection:  # type: ignore[arg-type]  # it has what is asked of a broker
        await provisioned(connection)
        await publish(connection)
        scrapes = Scrapes(cluster)
        await eventually(partial(scrapes.waits, JOBS), what="all are told")
        leader = cluster.node((await manage(connection, "STREAM.INFO.PROBE"))["cluster"]["leader"])
        assert leader is not None
        second, last = (node for node in cluster.nodes if node is not leader)
        await leader.kill()
        await publish(connection)
        await eventually(partial(scrapes.waits, 2 * JOBS), what="so are those that came afterwards")
        assert await scrapes.says("nightshift_broker_up", leader, 0)
        assert await scrapes.says("nightshift_broker_healthy", leader, None)
        await eventually(partial(scrapes.says, "nightshift_broker_healthy", last, 1), what="two of three can work")
        await second.kill()
        alone = partial(scrapes.says, "nightshift_broker_healthy", last, 0)
        await eventually(alone, what="one of three says that it cannot", timeout_seconds=30)
        assert await scrapes.says("nightshift_broker_up", last, 1)
        held = partial(scrapes.hold, 2 * JOBS)  # the last leader learns that it is none when nobody follows it
        await eventually(held, what="nobody claims to know how many wait", timeout_seconds=30)
