"""The scheduler as it is run: processes, the real clock, signals."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from nightshift.runtime.health_checks import Checks
from nightshift.runtime.supervisor import Supervisor
from nightshift.scheduler import app
from nightshift.scheduler.settings import SchedulerSettings
from tests.harness import eventually
from tests.integration.scheduler.environment import DEADLINE_SECONDS, Environment
from tests.repository import ROOT

SECOND = timedelta(seconds=1)
EVERY_SECOND = '[[schedules]]\nname = "sync.often"\nschedule = "* * * * * *"\n'


def scheduler(broker: Broker, folder: Path, name: str, port: int) -> Process:
    """Starts one with a schedule that is due every second."""
    file = folder / "schedules.toml"
    file.write_text(EVERY_SECOND)
    settings = {"NATS_URL": broker.url, "HEALTH_PORT": str(port), "SCHEDULES_FILE": str(file), "LOG_FORMAT": "json"}
    return Process(
        name,
        [sys.executable, "-m", "services.scheduler"],
        log=folder / f"{name}.log",
        cwd=ROOT,
        environment=clean_environment() | settings,
    )


async def asked(port: int, path: str) -> str:
    """What the process answers on its health port."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to handle")
async def test_two_processes_announce_each_second_once_and_end_cleanly(
    environment: Environment, broker: Broker, tmp_path: Path
) -> None:
    """With the real clock: consecutive seconds, one event each, metrics, and exit code 0 after SIGTERM."""
    ports = free_ports(2)
    processes = [scheduler(broker, tmp_path, f"scheduler-{place}", port) for place, port in enumerate(ports)]
    try:
        for app, port in zip(processes, ports, strict=True):

            async def ready(port: int = port) -> bool:
                return " 200 " in await asked(port, "/readyz")

            await app.ready(ready)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(await environment.due("sync.often")) < 4:  # noqa: ASYNC110 - another process gives no signal
                await asyncio.sleep(0.05)
        metrics = [await asked(port, "/metrics") for port in ports]
        codes = [await app.stop() for app in processes]
    finally:
        for app in processes:
            await app.kill()
    due = await environment.due("sync.often")
    assert {later - earlier for earlier, later in pairwise(due)} == {SECOND}
    assert codes == [0, 0]
    assert all('nightshift_schedule_events_total{schedule="sync.often"}' in text for text in metrics)
    assert all("nightshift_schedule_lateness_seconds_bucket" in text for text in metrics)
    assert all("scheduler has stopped" in app.output() for app in processes)


async def test_one_that_waits_for_its_broker_is_alive() -> None:
    """Its heart beats before there is a connection: an orchestrator that restarted it would help nobody."""
    known, beats, stop = list[Checks](), set[float](), asyncio.Event()

    class Known(Supervisor):
        def __init__(self, stop: asyncio.Event, checks: Checks, stack: AsyncExitStack) -> None:
            super().__init__(stop, checks, stack)
            known.append(checks)

    def beaten() -> int:
        beats.update(checks._heartbeats["event loop"]._last for checks in known)
        return len(beats)

    (nobody,) = free_ports(1)
    settings = SchedulerSettings(nats_url=f"nats://{LOOPBACK}:{nobody}", health_port=0)
    serving = asyncio.create_task(app.serve(settings, (), stop, supervision=Known))
    await eventually(lambda: beaten() > 2, what="it beats on")
    assert known[0].liveness() == []
    stop.set()
    assert await serving == 0
