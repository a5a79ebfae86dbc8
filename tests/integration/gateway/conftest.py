"""The gateway as a process of a whole stack, with a key that may do everything."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from tests.api_keys import making
from tests.servers import serving


@dataclass
class Gateway:
    """A running gateway; `key` is the application's own, without a user."""

    stack: Stack
    service: Service
    key: str

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.stack.gateway_url

    @property
    def port(self) -> int:
        """The port of that."""
        return self.stack.gateway_port.number

    @property
    def log(self) -> Path:
        """What it has written."""
        return self.service.log

    @property
    def key_id(self) -> str:
        """The part of the key that is no secret."""
        return self.key.split("_")[2]

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """A client with the key; `headers` are sent with every request."""
        own = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return httpx.AsyncClient(base_url=self.url, headers=own, timeout=30, trust_env=False)


@pytest.fixture(scope="module")
async def gateway(stack: Stack) -> AsyncIterator[Gateway]:
    """The gateway alone, at work: jobs stay in their queues."""
    await stack.provision()
    service = Service(stack, "gateway", extra={"LOG_FORMAT": "json", "LOG_LEVEL": "debug"})
    async with serving(service):
        made = json.loads(await stack.run("nightshift.cli", *making("tests")))
        yield Gateway(stack, service, made["key"])
