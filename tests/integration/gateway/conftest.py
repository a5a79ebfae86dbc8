"""A gateway on the real broker, database and object store, for all tests of a module; keys for it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import insert

from nightshift.broker import Connection
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from schema.tables import users
from tests.integration.gateway.harness import Gateway, gateway


@pytest.fixture(scope="module")
async def door(
    broker: Broker, objects_server: ObjectServer, operator: Connection, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway that takes mails and reports; the users `ada` and `bob` exist."""
    del operator
    async with AsyncExitStack() as stack:
        folder = tmp_path_factory.mktemp("gateway")
        running = await stack.enter_async_context(gateway(folder, broker=broker, objects=objects_server))
        async with running.database.write() as connection:
            for name in ("ada", "bob"):
                await connection.execute(insert(users).values(id=name, email=f"{name}@example.com"))
        yield running
