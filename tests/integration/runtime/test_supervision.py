"""No background task of a process ends or stalls unnoticed: each is killed, and each hangs, in a process of its own."""

import asyncio
import http.client
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nightshift.broker import Connection
from nightshift.database import migrate
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import provision_broker
from tests.harness import RunProbe, connected, eventually, probe_topology
from tests.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to handle")
LOOPS = {
    "probe": (
        *("health checks", "worker", "pull watch", "outbox relay", "enqueued relay", "sweep", "trimmer"),
        *("news", "connection", "discovery"),
    ),
    "scheduler": ("health checks", "announcer", "connection", "discovery"),
}
EACH = [(process, loop) for process, loops in LOOPS.items() for loop in loops]


@pytest.fixture(scope="module")
async def provisioned(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Connection]:
    """A connection to a broker that both processes can use; and their database."""
    folder = tmp_path_factory.getbasetemp()
    await migrate(f"sqlite:///{folder / 'supervised.db'}")
    async with connected(broker) as connection:
        await provision_broker(connection, probe_topology())
        yield connection


@asynccontextmanager
async def process(broker: Broker, folder: Path, name: str, sabotage: str = "") -> AsyncIterator[tuple[Process, int]]:
    """The process with one fault, and its health port."""
    (port,) = free_ports(1)
    settings = {
        "NATS_URL": broker.url,
        "DATABASE_URL": f"sqlite:///{folder.parent / 'supervised.db'}",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nothing",
        "HEALTH_PORT": str(port),
        "SABOTAGE": sabotage,
    }
    command = [sys.executable, "-m", "tests.integration.runtime.sabotaged_process", name]
    log = folder / "process.log"
    running = Process(name, command, log=log, cwd=ROOT, environment=clean_environment() | settings)
    try:
        yield running, port
    finally:
        await running.kill()


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a request to the health server; (0, "") while it does not listen."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.usefixtures("provisioned")
async def test_these_are_all_loops(broker: Broker, tmp_path: Path, name: str) -> None:
    """So that one that is added is killed below as well; unharmed, they end with exit code 0."""
    async with process(broker, tmp_path, name) as (running, port):
        last = LOOPS[name][-1] if name == "probe" else "announcer"
        await eventually(lambda: f"loop {last}." in running.output(), what=running.output())
        assert (await asyncio.to_thread(get, port, "/healthz"))[0] == 200
        running.signal(signal.SIGTERM)
        assert await running.wait(timeout_seconds=20) == 0
        assert set(re.findall(r"^loop (.*)\.$", running.output(), re.MULTILINE)) == set(LOOPS[name])


@pytest.mark.parametrize(("name", "loop", "fault"), [*((*pair, "raise") for pair in EACH), ("probe", "sweep", "end")])
@pytest.mark.usefixtures("provisioned")
async def test_a_loop_that_ends_ends_its_process(
    broker: Broker, tmp_path: Path, name: str, loop: str, fault: str
) -> None:
    """With exit code 1 and an error in the log that names it: the orchestrator starts the process anew."""
    async with process(broker, tmp_path, name, f"{fault}:{loop}") as (running, _):
        assert await running.wait(timeout_seconds=20) == 1
        output = running.output()
        assert '"background_failed"' in output
        assert f"'{loop}' has ended" in output
        assert ("RuntimeError: planted" in output) == (fault == "raise")


@pytest.mark.parametrize(("name", "loop"), EACH)
@pytest.mark.usefixtures("provisioned")
async def test_a_loop_that_hangs_is_named_by_the_liveness_check(
    broker: Broker, tmp_path: Path, name: str, loop: str
) -> None:
    """The orchestrator kills what is not alive."""
    async with process(broker, tmp_path, name, f"stall:{loop}") as (running, port):

        async def body() -> str:
            status, text = await asyncio.to_thread(get, port, "/healthz")
            return text if status == 503 else ""

        reasons = await eventually(body, what=f"it is not alive\n{running.output()}")
        assert re.search(rf"^{loop}: no sign of life for \d+ s$", reasons, re.MULTILINE)


async def test_a_probe_that_fails_ends_its_process(broker: Broker, tmp_path: Path, provisioned: Connection) -> None:
    """Or the circuit would stay open, and nothing be pulled, for ever."""
    async with process(broker, tmp_path, "probe", "raise:probe of database") as (running, _):
        await Publisher(provisioned).publish(RunProbe(name="a"))
        assert await running.wait(timeout_seconds=20) == 1
        assert "'probe of database' has ended" in running.output()
        assert "RuntimeError: planted" in running.output()
