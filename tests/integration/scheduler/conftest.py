"""A fresh stream CRON and three connections, for each test."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from tests.integration.scheduler.world import World


@pytest.fixture
async def world(broker: Broker) -> AsyncIterator[World]:
    """Half past eleven; nothing announced yet."""
    settings = ProcessSettings(nats_url=broker.url)
    connections = [await connect(settings, name=f"scheduler-{number}") for number in range(3)]
    world = World(connections, datetime(2026, 7, 1, 11, 30, tzinfo=UTC))
    await world.make_stream()
    try:
        yield world
        await world.stop()
    finally:
        for connection in connections:
            await connection.close()
