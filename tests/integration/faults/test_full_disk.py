"""The file system under the broker is really full: what is said, what is done, and that nothing accepted is lost."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from deploy.broker_state import is_healthy
from nightshift.broker.connection import Connection
from nightshift.broker.errors import NotStoredError
from nightshift.broker.jetstream import manage, store
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.processes import binaries
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.ports import LOOPBACK, free_ports
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from nightshift.outcomes import Unavailable
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import StreamLimits, declared_topology
from tests.file_system import fill, mounted
from tests.harness import connected, eventually, probe_topology
from tests.integration.cli.harness import run_command
from tests.repository import ROOT
from tests.servers import absent, needing_programs, running

HEALTH, START = ROOT / "deploy/nats/health.sh", ROOT / "deploy/nats/start.sh"
_KIBIBYTE = 1024


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system of 40 MB of its own."""
    with mounted("40m") as folder:
        yield folder


async def _publish_until_refused(connection: Connection, subject: str = "jobs.probe.run") -> None:
    """Raise what says that nothing is stored.

    The end of a file that is on the disk already may still have room; and a broker that hangs for a moment, busy with
    its errors, is only unavailable.
    """
    for _ in range(100):
        try:
            await store(connection, subject, {}, bytes(100 * _KIBIBYTE), timeout_seconds=3)
        except NotStoredError:
            raise
        except Unavailable:
            continue


def _health(disk: Path, broker: Broker) -> int:
    """What the container's health check says."""
    command = ["sh", str(HEALTH), str(disk), broker.monitoring_url, str(broker.process.pid)]
    return subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603 - our own script


async def test_a_full_disk_is_told_and_ends_with_its_cause(disk: Path, tmp_path: Path) -> None:
    """A publish says why nothing is stored, the next ones at once; with room again the broker is started anew.

    Then it takes everything, and has everything that it had accepted.
    """
    for program in ("wget", "nc"):
        if shutil.which(program) is None:
            absent(f"{program} is missing: apt-get install {program if program == 'wget' else 'netcat-openbsd'}")
    broker = Broker(disk / "broker", log=tmp_path / "broker.log")
    (disk / "broker").mkdir()
    with needing_programs():
        await broker.start()
    try:
        async with connected(broker, "producer") as connection:
            await provision_broker(connection, probe_topology())
            for number in range(5):
                await store(connection, "jobs.probe.run", {"Nats-Msg-Id": f"accepted-{number}"}, bytes(100 * _KIBIBYTE))
            assert _health(disk, broker) == 0
            assert is_healthy(broker.monitoring_url)
            filler = fill(disk)
            with pytest.raises(NotStoredError, match="its disk may be full"):
                await _publish_until_refused(connection)
            with pytest.raises(NotStoredError, match=r"jobs\.probe"):
                await connection.storing()
            began = time.monotonic()
            with pytest.raises(NotStoredError, match="restarted"):
                await store(connection, "jobs.probe.run", {}, b"{}", timeout_seconds=30)
            assert time.monotonic() - began < 10
            assert _health(disk, broker) == 1
            assert not is_healthy(broker.monitoring_url)
            assert broker.running, "while it is full a restart would help nobody"
            os.truncate(filler, 0)
            assert _health(disk, broker) == 1
            await eventually(lambda: not broker.running, what="the broker is ended")
            await broker.start()
            await connection.ready(20)
            await store(connection, "jobs.probe.run", {}, b"{}")
            await connection.storing()
            state = (await manage(connection, "STREAM.INFO.PROBE"))["state"]
            assert state["messages"] >= 6
            assert _health(disk, broker) == 0
    finally:
        await broker.kill()


async def _not_ready_without_work(broker: Broker, folder: Path) -> None:
    """A worker that starts now, and finds nothing to do, says that nothing is stored."""
    (port,) = free_ports(1)
    settings = {
        "NATS_URL": broker.url,
        "DATABASE_URL": f"sqlite:///{folder / 'worker.db'}",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nothing",
        "MAIL_FROM": "hello@acme.example",
        "SMTP_HOST": LOOPBACK,
        "HEALTH_PORT": str(port),
    }
    command = [sys.executable, "-m", "services.email"]
    log = folder / "worker.log"
    worker = Process("email", command, log=log, cwd=ROOT, environment=clean_environment() | settings)
    said = re.compile("^storage: .*does not say that they are stored", re.MULTILINE)
    try:
        await eventually(
            lambda: said.search(_readiness(port)), what="it says that nothing is stored", timeout_seconds=60
        )
    finally:
        await worker.kill()


def _readiness(port: int) -> str:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/readyz", trust_env=False).text
    except httpx.HTTPError:
        return ""


async def _storage_finding(broker: Broker) -> dict[str, str]:
    """What the doctor says of storing; asked again while the broker, busy with its errors, does not even greet it."""
    found: list[dict[str, str]] = []

    async def says() -> bool:
        said = await run_command(("doctor", "--json"), {"NATS_URL": broker.url}, Path("nowhere"))
        assert broker.running, broker.process.failure("ended by itself")
        assert said.code == 1, said.err
        found.extend(one for one in said.json if one["check"] == "storage")
        return bool(found)

    await eventually(says, what="the doctor comes to look", timeout_seconds=90)
    return found[0]


async def test_doctor_and_an_idle_worker_say_that_nothing_is_stored(disk: Path, tmp_path: Path) -> None:
    """In one line for all queues; the connection that met it says so, too, under readiness."""
    (disk / "broker").mkdir()
    declared = declared_topology(load_catalogue(), StreamLimits(queue_bytes=2**26, dead_letter_bytes=2**20))
    served = Broker(disk / "broker", log=tmp_path / "broker.log")
    async with running(served) as broker, connected(broker, "email") as connection:
        await provision_broker(connection, declared)
        # nats-server 2.15.1 takes all the memory there is where an empty stream cannot store its first large message.
        await store(connection, "jobs.email.send", {}, b"{}")
        fill(disk)
        with pytest.raises(Unavailable):
            await _publish_until_refused(connection, "jobs.email.send")
        with pytest.raises(Unavailable, match=r"jobs\.email"):
            await connection.storing()
        await _not_ready_without_work(broker, tmp_path)
        finding = await _storage_finding(broker)
        assert finding["state"] == "wrong"
        assert re.match("nothing is stored for .*email.*: the broker takes messages and does not say", finding["found"])
        assert "make room on the broker's disk" in finding["fix"]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such limit elsewhere")
async def test_a_full_disk_does_not_cost_all_the_memory(disk: Path, tmp_path: Path) -> None:
    """nats-server loops where an empty stream cannot store its first message: at its limit it ends, and starts anew."""
    (disk / "broker").mkdir()
    declared = declared_topology(load_catalogue(), StreamLimits(queue_bytes=2**26, dead_letter_bytes=2**20))
    served = Broker(disk / "broker", log=tmp_path / "broker.log", max_memory=512 * _KIBIBYTE**2)
    async with running(served) as broker, connected(broker, "email") as connection:
        await provision_broker(connection, declared)
        filler = fill(disk)
        with pytest.raises(Unavailable):
            await store(connection, "jobs.email.send", {}, bytes(100 * _KIBIBYTE), timeout_seconds=3)
        assert await broker.process.wait(timeout_seconds=60) is not None
        assert "out of memory" in broker.process.output()
        os.truncate(filler, 0)
        await broker.start()
        await connection.ready(20)
        await store(connection, "jobs.email.send", {}, b"{}")


async def test_a_broker_that_cannot_work_is_unhealthy_whatever_the_cause(tmp_path: Path) -> None:
    """A stream whose files were taken away, for instance; the check tells what the broker says."""
    async with running(Broker(tmp_path / "broker")) as broker, connected(broker, "producer") as connection:
        await provision_broker(connection, probe_topology())
        command = ["sh", str(HEALTH), str(tmp_path), broker.monitoring_url, str(broker.process.pid)]
        check = partial(subprocess.run, command, capture_output=True, check=False, text=True)
        assert (await asyncio.to_thread(check)).returncode == 0
        await store(connection, "jobs.probe.run", {}, b"{}")
        await broker.stop()
        (metadata,) = (tmp_path / "broker").rglob("PROBE/meta.inf")
        metadata.write_text("not what it was")
        await broker.start()
        said = await asyncio.to_thread(check)
        assert (said.returncode, "PROBE" in said.stderr) == (1, True), said
        assert broker.running


def test_the_brokers_limit_stays_below_its_disk(tmp_path: Path) -> None:
    """Nine tenths of what its streams use and what is free, 20 GB at most; the server can read it; a set one stays."""
    environment = {"PATH": os.environ["PATH"]}
    command = ["sh", str(START), str(tmp_path), "sh", "-c", 'echo "$MAX_FILE_STORE"']
    made = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()  # noqa: S603
    free = shutil.disk_usage(tmp_path).free
    assert made.endswith("K")
    assert 0 < int(made[:-1]) * _KIBIBYTE <= min(20 * 1024**3, free)
    given = environment | {"MAX_FILE_STORE": "5GB"}
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=given).stdout.strip() == "5GB"  # noqa: S603
    config = tmp_path / "nats.conf"
    config.write_text(f'jetstream {{ store_dir: "{tmp_path}", max_file_store: $MAX_FILE_STORE }}')
    with needing_programs():
        check = [str(binaries.nats_server()), "-t", "-c", str(config)]
    subprocess.run(check, check=True, capture_output=True, env=environment | {"MAX_FILE_STORE": made})  # noqa: S603
