"""Provisioning a broker that is slow to answer."""

import asyncio
from pathlib import Path

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from nightshift.topology.provisioning import differences, provision_broker
from tests.harness import probe_topology
from tests.servers import running

BUSY_SECONDS = 5.5
"""Longer than a question is given elsewhere."""


async def test_it_waits_for_a_broker_that_waits_for_its_disk(tmp_path: Path) -> None:
    """A disk that others keep busy makes every change slow; nobody has to begin anew for that."""
    async with running(Broker(tmp_path)) as broker:
        connection = await connect(ProcessSettings(nats_url=broker.url), name="provision")
        try:
            broker.pause()
            provisioning = asyncio.create_task(provision_broker(connection, probe_topology()))
            done, _ = await asyncio.wait({provisioning}, timeout=BUSY_SECONDS)
            assert not done
            broker.resume()
            assert len(await provisioning) > 1
            assert await differences(connection, probe_topology()) == []
        finally:
            broker.resume()
            await connection.close()
