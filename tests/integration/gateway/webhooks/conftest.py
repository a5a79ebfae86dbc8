"""One broker with the shipped streams, and one gateway with sources, for the tests of a module."""

from collections.abc import AsyncIterator

import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from tests.harness import provisioned
from tests.integration.gateway.webhooks.intake import Door, door


@pytest.fixture(scope="module")
async def queues(broker: Broker) -> AsyncIterator[Connection]:
    """The broker with the shipped streams."""
    async with provisioned(broker) as connection:
        yield connection


@pytest.fixture(scope="module")
async def shared_intake(
    broker: Broker,
    queues: Connection,
    objects_server: ObjectServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Door]:
    """A gateway whose broker, database and object store are all there."""
    async with door(tmp_path_factory.mktemp("gateway"), broker, queues, objects_server) as opened:
        yield opened


@pytest.fixture
async def intake(shared_intake: Door, queues: Connection) -> Door:
    """The same, its queue empty; what was sent before is still known to the broker by its id."""
    await manage(queues, "STREAM.PURGE.WEBHOOK")
    return shared_intake
