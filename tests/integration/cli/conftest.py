"""A provisioned stack without workers, and an operator at a desk beside it."""

from collections.abc import AsyncIterator

import pytest

from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.stack import Stack
from nightshift.topology.topology import declared_topology
from tests.integration.cli.desk import Desk


@pytest.fixture(scope="module")
async def at_desk(stack: Stack) -> AsyncIterator[Desk]:
    """The desk of all tests of a module."""
    await stack.provision()
    connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
    yield Desk(stack, connection, stack.environment())
    await connection.close()


@pytest.fixture
async def desk(at_desk: Desk) -> Desk:
    """The desk, with every queue, dead letter and event gone that another test left."""
    for stream in declared_topology(load_catalogue()).streams:
        await manage(at_desk.connection, f"STREAM.PURGE.{stream.name}")
    return at_desk
