"""The stack with the shipped users of the broker: every service runs as its own."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from nightshift.broker import Connection, connect
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.topology.broker_accounts import broker_config
from nightshift.topology.permissions import users
from nightshift.topology.topology import declared_topology

TOPOLOGY = declared_topology(load_catalogue())
USERS = users(TOPOLOGY, load_catalogue())


@dataclass
class Guarded:
    """The stack, its passwords, and the operator's connection."""

    stack: Stack
    passwords: dict[str, str]
    operator: Connection

    def login(self, user: str) -> dict[str, str]:
        """The settings with which a process is this user."""
        return {"NATS_USER": user, "NATS_PASSWORD": self.passwords[user]}

    def settings(self, user: str, **extra: str) -> ProcessSettings:
        """The same for a connection of the test's own."""
        login: dict[str, Any] = {"nats_user": user, "nats_password": Secret(self.passwords[user]), **extra}
        return ProcessSettings(nats_url=self.stack.broker.url, **login)

    def service(self, name: str, **extra: str) -> Service:
        """A service as its own user; not started."""
        return Service(
            self.stack, name, extra={"LOG_FORMAT": "json", "LOG_LEVEL": "debug", **self.login(name), **extra}
        )


@pytest.fixture(scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    """Everything provisioned, no service running."""
    passwords = {name: f"{name}-{secrets.token_hex(8)}" for name in USERS}
    stack = Stack(tmp_path_factory.mktemp("guarded"), broker_config=broker_config(USERS, passwords))
    async with AsyncExitStack() as closing:
        await stack.start()
        closing.push_async_callback(stack.kill)
        guarded = Guarded(stack, passwords, None)  # type: ignore[arg-type]  # in a moment
        process = stack.process("nightshift.runtime.provision", extra=guarded.login("operator"))
        assert await process.wait(timeout_seconds=60) == 0, process.output()
        guarded.operator = await connect(guarded.settings("operator"), name="operator")
        closing.push_async_callback(guarded.operator.close)
        yield guarded
