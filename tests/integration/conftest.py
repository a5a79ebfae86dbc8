"""What several folders share: the shipped streams, and a publisher on empty streams of the service `probe`."""

from collections.abc import AsyncIterator

import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from tests.harness import connected, probe_topology, provisioned


@pytest.fixture(scope="module")
async def operator(broker: Broker) -> AsyncIterator[Connection]:
    """The operator's connection to the broker, whose streams are made."""
    async with provisioned(broker) as connection:
        yield connection


@pytest.fixture(scope="module")
async def shared_connection(broker: Broker) -> AsyncIterator[Connection]:
    """One connection for all tests of a module."""
    async with connected(broker, "producer") as opened:
        yield opened


@pytest.fixture
async def connection(shared_connection: Connection) -> Connection:
    """The connection, every stream as declared and empty."""
    await shared_connection.ready(20)
    declared = probe_topology()
    await provision_broker(shared_connection, declared)
    for stream in declared.streams:
        if not stream.options.get("deny_purge"):
            await manage(shared_connection, f"STREAM.PURGE.{stream.name}")
    return shared_connection


@pytest.fixture
def publisher(connection: Connection) -> Publisher:
    """A publisher without an object store."""
    return Publisher(connection)
