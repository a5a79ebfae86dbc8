"""A fresh stream CRON and three connections, for each test."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from nightshift.broker import connect
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.servers.broker import Broker
from tests.integration.scheduler.environment import Environment


@pytest.fixture
async def environment(broker: Broker) -> AsyncIterator[Environment]:
    """Half past eleven; nothing announced yet."""
    settings = ProcessSettings(nats_url=broker.url)
    connections = [await connect(settings, name=f"scheduler-{number}") for number in range(3)]
    environment = Environment(connections, datetime(2026, 7, 1, 11, 30, tzinfo=UTC))
    await environment.make_stream()
    try:
        yield environment
        await environment.stop()
    finally:
        for connection in connections:
            await connection.close()
