"""No background loop of the gateway ends unnoticed: each is killed once, and the process ends to be started anew."""

import asyncio

import pytest

from nightshift.broker import Connection
from nightshift.config.settings import load
from nightshift.database import migrate
from nightshift.embedded.servers.broker import Broker
from nightshift.heartbeat import Heartbeat
from nightshift.runtime.supervisor import BackgroundLoop, Supervisor
from services.gateway.service import serve
from services.gateway.settings import FileGatewaySettings
from tests.harness import eventually
from tests.integration.gateway.harness import AWAY

LOOPS = {"health checks", "key uses", "connection", "http server", "discovery", "webhook sources"}


@pytest.fixture(scope="module")
async def settings(
    broker: Broker, operator: Connection, tmp_path_factory: pytest.TempPathFactory
) -> FileGatewaySettings:
    """Of a gateway on free ports."""
    del operator
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('supervised') / 'nightshift.db'}"
    await migrate(url)
    store = {"S3_ENDPOINT": AWAY, "S3_ACCESS_KEY": "nobody", "S3_SECRET_KEY": "nothing"}
    return load(FileGatewaySettings, {"NATS_URL": broker.url, "DATABASE_URL": url, "GATEWAY_PORT": "0", **store})


def saboteur(victim: str, started: set[str]) -> type[Supervisor]:
    """A supervisor under which one loop breaks off with an error."""

    class Saboteur(Supervisor):
        def start(self, name: str, loop: BackgroundLoop) -> asyncio.Task[None]:
            started.add(name)

            async def broken(_: Heartbeat) -> None:
                await asyncio.sleep(0.05)
                raise RuntimeError("planted")

            return super().start(name, broken if name == victim else loop)

    return Saboteur


@pytest.mark.parametrize("victim", sorted(LOOPS))
async def test_a_loop_that_ends_ends_the_process(settings: FileGatewaySettings, victim: str) -> None:
    """With exit code 1."""
    async with asyncio.timeout(20):
        assert await serve(settings, asyncio.Event(), supervision=saboteur(victim, set())) == 1


async def test_these_are_all_loops(settings: FileGatewaySettings) -> None:
    """So that one that is added is killed above as well; unharmed, the process ends with exit code 0."""
    started, stop = set[str](), asyncio.Event()
    running = asyncio.create_task(serve(settings, stop, supervision=saboteur("", started)))
    await eventually(lambda: "discovery" in started, what="it is connected")
    stop.set()
    assert await running == 0
    assert started == LOOPS
