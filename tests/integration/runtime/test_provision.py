"""Provision: everything that the workers need is made or brought up to date, and differences are named."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nightshift.broker import BrokerRefusedError, BrokerTooOldError, Connection
from nightshift.broker.jetstream import manage
from nightshift.database import migrate, sqlite_url
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.stack import BUCKET, Stack
from nightshift.messaging.publisher import Publisher
from nightshift.topology.provisioning import differences, provision_broker
from nightshift.topology.topology import StreamLimits
from tests.harness import RunProbe, connected, eventually, probe_topology, stored


@pytest.fixture
async def connection(broker: Broker) -> AsyncIterator[Connection]:
    """A connection to a broker without any stream."""
    async with connected(broker, "provision") as opened:
        for name in (await manage(opened, "STREAM.NAMES")).get("streams") or []:
            await manage(opened, f"STREAM.DELETE.{name}")
        yield opened


async def _config(connection: Connection, call: str) -> dict[str, Any]:
    config: dict[str, Any] = (await manage(connection, call))["config"]
    return config


async def test_an_empty_broker_gets_everything_and_then_nothing(connection: Connection) -> None:
    """One line for each stream and consumer; the second run finds nothing to do."""
    declared = probe_topology()
    assert await provision_broker(connection, declared) == [
        *(f"stream {name} created" for name in ("PROBE", "PROBE_LATER", "PROBE_DLQ")),
        *(f"stream {name} created" for name in ("CRON", "CRON_DLQ", "CRON_PAUSED", "EVENTS", "AUDIT", "CONSOLE")),
        *(f"consumer probe on {name} created" for name in ("PROBE", "PROBE_LATER", "CRON")),
    ]
    assert await provision_broker(connection, declared) == []
    assert await differences(connection, declared) == []


async def test_the_brokers_own_view_is_the_declared_one(connection: Connection) -> None:
    """What the server reports about a queue and its consumer has the declared values."""
    await provision_broker(connection, probe_topology())
    queue = await _config(connection, "STREAM.INFO.PROBE")
    assert (queue["retention"], queue["discard"], queue["storage"]) == ("workqueue", "new", "file")
    assert (queue["max_msg_size"], queue["allow_atomic"]) == (512 * 1024, True)
    later = await _config(connection, "STREAM.INFO.PROBE_LATER")
    assert (later["max_msgs"], later["max_bytes"], later["max_age"]) == (-1, -1, 0)
    consumer = await _config(connection, "CONSUMER.INFO.PROBE.probe")
    assert (consumer["max_deliver"], consumer["ack_wait"], consumer["max_ack_pending"]) == (-1, 30 * 10**9, 200_000)


async def test_an_older_configuration_is_brought_up_to_date(connection: Connection) -> None:
    """Changed limits, another acknowledgement time, a consumer that is gone: repaired, and no job is lost."""
    await provision_broker(connection, probe_topology(StreamLimits(queue_bytes=5_000_000)))
    await Publisher(connection).publish(RunProbe(name="kept"))
    consumer = await _config(connection, "CONSUMER.INFO.PROBE.probe")
    request = {"stream_name": "PROBE", "config": {**consumer, "ack_wait": 5 * 10**9}}
    await manage(connection, "CONSUMER.CREATE.PROBE.probe.jobs.probe.>", request)
    await manage(connection, "CONSUMER.DELETE.PROBE_LATER.probe")
    assert await provision_broker(connection, probe_topology()) == [
        f"stream PROBE updated: max_bytes is 5000000, declared {1024**3}",
        f"consumer probe on PROBE updated: ack_wait is {5 * 10**9}, declared {30 * 10**9}",
        "consumer probe on PROBE_LATER created",
    ]
    assert await provision_broker(connection, probe_topology()) == []
    assert len(await stored(connection, "PROBE")) == 1


async def test_each_difference_is_named(connection: Connection) -> None:
    """Stream or consumer, field, what is and what was declared; nothing is changed by looking."""
    declared = probe_topology()
    await provision_broker(connection, declared)
    events = await _config(connection, "STREAM.INFO.CRON")
    await manage(connection, "STREAM.UPDATE.CRON", {**events, "max_msgs_per_subject": 5, "max_age": 10**12})
    await manage(connection, "CONSUMER.DELETE.PROBE.probe")
    await manage(connection, "STREAM.DELETE.PROBE_DLQ")
    named = [
        "stream PROBE_DLQ does not exist",
        "stream CRON: max_msgs_per_subject is 5, declared 200",
        "consumer probe on PROBE does not exist",
    ]
    assert await differences(connection, declared) == named
    assert await differences(connection, declared) == named


async def test_events_that_are_kept_otherwise_are_kept_as_declared(connection: Connection) -> None:
    """A stream of the same name that somebody made by hand is brought there, and keeps what it holds."""
    declared = probe_topology()
    await provision_broker(connection, declared)
    made = await _remade(
        connection, "EVENTS", {"name": "EVENTS", "subjects": ["events.probe", "mine.>"], "max_msgs": 9}
    )
    await connection.request("mine.one", b"{}")
    (line,) = await provision_broker(connection, declared)
    assert line.startswith("stream EVENTS updated: subjects is ['events.probe', 'mine.>'], declared ['events.>']; ")
    assert "compression is 'none', declared 's2'" in line
    assert (await differences(connection, declared), len(await stored(connection, "EVENTS"))) == ([], 1)
    await manage(connection, f"STREAM.DELETE.{made}")


@pytest.mark.parametrize(
    ("name", "other", "says"),
    [
        ("EVENTS", {"storage": "memory"}, "can not change storage type; it was made otherwise: if nothing that it"),
        ("EVENTS", {"retention": "workqueue"}, "remove the stream EVENTS, and run this again"),
        (
            "MINE",
            {"subjects": ["events.email"]},
            "its subjects belong to MINE: remove them from there, and run this again",
        ),
    ],
)
async def test_a_stream_in_the_way_is_named(
    connection: Connection, name: str, other: dict[str, object], says: str
) -> None:
    """With what to do; nothing of it is changed."""
    declared = probe_topology()
    await provision_broker(connection, declared)
    await _remade(connection, name, {"name": name, "subjects": ["events.>"], **other})
    before = await _config(connection, f"STREAM.INFO.{name}")
    with pytest.raises(BrokerRefusedError, match=says):
        await provision_broker(connection, declared)
    assert await _config(connection, f"STREAM.INFO.{name}") == before
    await manage(connection, f"STREAM.DELETE.{name}")


async def _remade(connection: Connection, name: str, config: dict[str, object]) -> str:
    """Make a stream by hand in the place of the events."""
    await manage(connection, "STREAM.DELETE.EVENTS")

    async def made() -> bool:
        with contextlib.suppress(BrokerRefusedError):  # the files of the old one are still being removed
            await manage(connection, f"STREAM.CREATE.{name}", config)
            return True
        return False

    await eventually(made, what=f"{name} is made")
    return name


@pytest.mark.parametrize("version", ["2.12.4", ""])
async def test_a_broker_that_is_too_old_is_left_alone(connection: Connection, version: str) -> None:
    """It is refused before anything is made on it."""
    connection._server_info = {**connection._server_info, "version": version}
    with pytest.raises(BrokerTooOldError, match=r"2\.14 or later is needed"):
        await provision_broker(connection, probe_topology())
    assert (await manage(connection, "STREAM.NAMES"))["total"] == 0


async def test_the_command_provisions_everything_and_says_so(stack: Stack) -> None:
    """Tables, streams, consumers and bucket, one line each, exit code 0; again: no change; then --check agrees."""
    first = await stack.run("nightshift.runtime.provision")
    for line in ("stream EMAIL created", "consumer upload on UPLOAD_LATER created", "bucket nightshift created"):
        assert line in first
    with sqlite3.connect(stack.database) as database:
        tables = {row[0] for row in database.execute("select name from sqlite_master")}
    database.close()
    assert {"processed_messages", "outbox"} <= tables
    assert "Everything is in place (0 changes)." in await stack.run("nightshift.runtime.provision")
    assert "Streams and consumers are as declared." in await stack.run("nightshift.runtime.provision", "--check")


async def test_check_names_what_differs_and_fails(stack: Stack) -> None:
    """Exit code 1, and nothing is repaired."""
    await stack.provision()
    async with connected(stack.broker) as connection:
        await manage(connection, "CONSUMER.DELETE.EMAIL.email")
    for _ in range(2):
        process = stack.process("nightshift.runtime.provision", "--check")
        assert await process.wait(timeout_seconds=30) == 1
        assert "consumer email on EMAIL does not exist" in process.output()
    await stack.provision()


async def test_wrong_settings_are_all_named_at_once(stack: Stack) -> None:
    """Exit code 2 and no traceback."""
    wrong = {"STREAM_REPLICAS": "9", "QUEUE_MAX_BYTES": "much", "S3_ENDPOINT": "nowhere"}
    process = stack.process("nightshift.runtime.provision", extra=wrong)
    assert await process.wait(timeout_seconds=30) == 2
    output = process.output()
    assert all(name in output for name in wrong)
    assert "Traceback" not in output


async def test_a_database_of_a_newer_version_is_told(stack: Stack, tmp_path: Path) -> None:
    """One line that says what to do, exit code 1, no traceback."""
    own = {"DATABASE_URL": sqlite_url(tmp_path / "newer.db")}
    await migrate(own["DATABASE_URL"])
    with contextlib.closing(sqlite3.connect(tmp_path / "newer.db")) as database:
        database.execute("UPDATE nightshift_version SET version_num = 'tomorrow'")
        database.commit()
    process = stack.process("nightshift.runtime.provision", extra=own)
    assert await process.wait(timeout_seconds=30) == 1
    assert "migrated by a newer one. Run that version, or restore a backup" in process.output()
    assert "Traceback" not in process.output()


async def test_a_broker_that_stays_away_ends_it_with_an_error(stack: Stack) -> None:
    """Whoever started it is told after a while, and how the last attempt failed; exit code 1, no traceback."""
    away = {"NATS_URL": "nats://127.0.0.1:9", "PROVISION_WAIT_SECONDS": "0.7"}
    process = stack.process("nightshift.runtime.provision", extra=away)
    assert await process.wait(timeout_seconds=30) == 1
    output = process.output()
    assert "broker is unavailable: no connection within 0.7 s; the last attempt:" in output
    assert "Connect call failed" in output
    assert "Traceback" not in output


async def test_pages_of_the_named_origins_may_reach_the_bucket(stack: Stack) -> None:
    """And no others: what a browser asks before it sends a part is answered as the last run said."""
    for origins in ("https://old.example.com", "https://app.example.com,https://shop.example.com"):
        process = stack.process("nightshift.runtime.provision", extra={"GATEWAY_CORS_ORIGINS": origins})
        assert await process.wait(timeout_seconds=60) == 0, process.output()

    async def allowed(origin: str) -> tuple[str | None, str | None]:
        asking = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        async with httpx.AsyncClient() as browser:
            answer = await browser.options(f"{stack.objects.endpoint}/{BUCKET}/uploads/ada/1", headers=asking)
        return answer.headers.get("access-control-allow-origin"), answer.headers.get("access-control-allow-methods")

    for origin in ("https://app.example.com", "https://shop.example.com"):
        said, methods = await allowed(origin)
        assert (said, "PUT" in (methods or "")) == (origin, True)
    for origin in ("https://old.example.com", "https://evil.example.com", "null"):
        assert (await allowed(origin))[0] is None
