"""A broker from before the accounts keeps what it holds: its streams move to the account of the services."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from contracts.email import SendEmail
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import CHANGE_SECONDS, manage, store
from nightshift.config.secret import Secret
from nightshift.config.settings import ProcessSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.broker_accounts import broker_config
from nightshift.topology.permissions import users
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import declared_topology
from tests.harness import eventually

SCRIPT = Path(__file__).resolve().parents[3] / "deploy" / "nats" / "start.sh"
MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
DECLARED = declared_topology(load_catalogue())
TABLE = users(DECLARED, load_catalogue())
BEFORE = 'authorization { users: [ { user: operator, password: "operator-password" } ] }'
NOW = broker_config(TABLE, {name: f"{name}-password" for name in TABLE})


async def _operator(broker: Broker) -> Connection:
    settings = ProcessSettings(nats_url=broker.url, nats_user="operator", nats_password=Secret("operator-password"))
    return await connect(settings, name="operator")


async def _info(operator: Connection, call: str) -> dict[str, Any]:
    """Ask the broker, which may wait for a busy disk."""
    return await manage(operator, call, timeout_seconds=CHANGE_SECONDS)


def _start(data: Path) -> subprocess.CompletedProcess[str]:
    shell = shutil.which("sh") or "/bin/sh"
    command = [shell, str(SCRIPT), str(data), "true"]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script


async def test_jobs_that_wait_are_delayed_or_dead_are_kept(tmp_path: Path) -> None:
    """After the start with accounts all are there, a delayed one comes due, and provisioning changes nothing."""
    broker = Broker(tmp_path, extra=BEFORE)
    await broker.start()
    try:
        operator = await _operator(broker)
        await provision_broker(operator, DECLARED)
        publisher = Publisher(operator)
        for number in range(5):
            await publisher.publish(MAIL, job_id=f"waiting-{number}")
        await publisher.publish_later(MAIL, delay=timedelta(seconds=4), job_id="delayed")
        await store(operator, "dead.email.send", {"Job-Id": "dead"}, b"{}")
        await operator.close()
        await broker.stop()
        moved = _start(tmp_path / "jetstream")
        assert (moved.returncode, moved.stderr) == (0, "")
        broker.extra = NOW
        await broker.start()
        operator = await _operator(broker)
        assert await provision_broker(operator, DECLARED) == []
        for stream, messages in (("EMAIL", 5), ("EMAIL_LATER", 1), ("EMAIL_DLQ", 1)):
            assert (await _info(operator, f"STREAM.INFO.{stream}"))["state"]["messages"] == messages, stream
        assert (await _info(operator, "CONSUMER.INFO.EMAIL.email"))["num_pending"] == 5

        async def due() -> bool:
            return bool((await _info(operator, "CONSUMER.INFO.EMAIL_LATER.email"))["num_pending"] == 1)

        await eventually(due, what="the delayed job is due")
        await operator.close()
    finally:
        await broker.kill()


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    """What was moved stays where it is, and a broker that never had streams needs nothing."""
    assert _start(tmp_path).returncode == 0
    (tmp_path / "jetstream" / "$G" / "streams" / "EMAIL").mkdir(parents=True)
    assert "moved the streams" in _start(tmp_path).stdout
    assert _start(tmp_path).stdout == ""
    assert [path.name for path in (tmp_path / "jetstream").iterdir()] == ["NIGHTSHIFT"]


def test_streams_in_both_accounts_are_left_alone(tmp_path: Path) -> None:
    """The start refuses in one line that says what to do, and touches nothing."""
    for account in ("$G", "NIGHTSHIFT"):
        (tmp_path / "jetstream" / account / "streams" / "EMAIL").mkdir(parents=True)
    refused = _start(tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "move one of them away" in refused.stderr
    assert sorted(path.name for path in (tmp_path / "jetstream").iterdir()) == ["$G", "NIGHTSHIFT"]
