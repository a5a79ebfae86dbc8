"""A provisioned stack without workers, and an operator beside it."""

from collections.abc import AsyncIterator

import pytest

from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.stack import Stack
from nightshift.topology.topology import declared_topology
from tests.integration.cli.harness import Operator


@pytest.fixture(scope="module")
async def shared_operator(stack: Stack) -> AsyncIterator[Operator]:
    """The operator of all tests of a module."""
    await stack.provision()
    connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
    yield Operator(stack, connection, stack.environment())
    await connection.close()


@pytest.fixture
async def operator(shared_operator: Operator) -> Operator:
    """The operator, with every queue, dead letter and event gone that another test left."""
    for stream in declared_topology(load_catalogue()).streams:
        if not stream.options.get("deny_purge"):
            await manage(shared_operator.connection, f"STREAM.PURGE.{stream.name}")
    return shared_operator
