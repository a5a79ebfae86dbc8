"""The service as it is run: the daily event, asked for by hand, to its effects."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import msgspec
import pytest
from sqlalchemy import insert, select

from contracts.maintenance import CleanInbox
from nightshift.broker import Connection, connect
from nightshift.config.settings import Settings, load
from nightshift.contract.cron import ScheduleFired, manual_subject
from nightshift.database import Database, open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import S3ObjectStore
from nightshift.runtime.object_stores import object_store
from schema.tables import activity_logs, cleanup_runs, files, sessions, users
from tests.harness import eventually, stored
from tests.servers import serving

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
KINDS = {"sessions", "activity", "files", "claims", "inbox"}


@dataclass
class World:
    """The service at work, and hands on what it works with."""

    service: Service
    connection: Connection
    database: Database
    objects: S3ObjectStore

    async def column(self, column: object) -> list[str]:
        """A column's values, sorted."""
        async with self.database.read() as connection:
            return sorted((await connection.execute(select(column))).scalars())  # type: ignore[call-overload]  # any column

    async def metrics(self) -> str:
        """What the process tells Prometheus."""
        url = f"{self.service.health_url}/metrics"
        return await asyncio.to_thread(lambda: urlopen(url, timeout=5).read().decode())  # noqa: S310 - our own address


@pytest.fixture(scope="module")
async def world(stack: Stack) -> AsyncIterator[World]:
    """A provisioned stack on which the service runs."""
    await stack.provision()
    service = Service(stack, "maintenance", extra={"LOG_FORMAT": "json"})
    settings = load(Settings, stack.environment())
    connection = await connect(settings, name="test")
    database, objects = open_database(settings.database_url.reveal()), object_store(settings)
    async with serving(service):
        yield World(service, connection, database, objects)
    await connection.close()
    await database.close()
    await objects.close()


async def _fill(world: World) -> None:
    row = {"object_key": "uploads/orphan", "original_name": "a.bin", "status": "processed", "created_at": NOW}
    async with world.database.write() as connection:
        await connection.execute(insert(users), {"id": "ada", "email": "ada@example.com"})
        await connection.execute(
            insert(sessions),
            [
                {"id": name, "user_id": "ada", "expires_at": NOW + days * DAY}
                for name, days in (("live", 1), ("expired", -1))
            ],
        )
        await connection.execute(
            insert(activity_logs),
            [
                {"id": name, "action": "login", "created_at": NOW - days * DAY}
                for name, days in (("new", 1), ("old", 31))
            ],
        )
        await connection.execute(insert(files), row | {"id": "orphan", "user_id": None})
        owned = {"id": "owned", "user_id": "ada", "object_key": "uploads/owned", "created_at": NOW - 900 * DAY}
        await connection.execute(insert(files), row | owned)
        done = {"consumer": "email", "type": "email.send", "id": "old", "processed_at": NOW - 61 * DAY}
        await connection.execute(insert(processed_messages), done)
    for key in ("uploads/orphan", "uploads/owned", "uploads/no-row", f"claims/2020-01-01/{'a' * 64}"):
        await world.objects.put(key, b"bytes", "application/octet-stream")


async def test_the_event_asked_for_by_hand_cleans_everything(world: World) -> None:
    """Five jobs, each done once however often the event comes: rows and objects are gone, others are not."""
    await _fill(world)
    event = ScheduleFired(name="cleanup.daily", schedule="0 0 * * *", time_zone="UTC", due=NOW, announced=NOW)
    for _ in range(2):
        world.connection.send(manual_subject("cleanup.daily").encode(), msgspec.json.encode(event))
    await world.connection.flush()

    async def all_done() -> bool:
        return set(await world.column(cleanup_runs.c.kind)) == KINDS and await _idle(world)

    await eventually(all_done, what="a run of every kind")
    assert await world.column(sessions.c.id) == ["live"]
    assert await world.column(activity_logs.c.id) == ["new"]
    assert await world.column(files.c.id) == ["owned"]
    assert [entry.key async for entry in world.objects.list("")] == ["uploads/no-row", "uploads/owned"]
    assert "old" not in await world.column(processed_messages.c.id)
    async with world.database.read() as connection:
        runs = (await connection.execute(select(cleanup_runs))).all()
    assert len(runs) == len(KINDS)
    assert all(run.done and run.finished_at for run in runs)
    assert len({run.job_id for run in runs}) == 1
    assert {run.kind: run.kept for run in runs}["files"]["objects_too_young"] == 1


async def test_the_numbers_are_in_the_metrics_and_in_the_log(world: World) -> None:
    """What was deleted, by kind; the last time that each came to its end."""
    shown = await world.metrics()
    assert 'nightshift_cleanup_deleted_total{kind="sessions",what="sessions"} 1.0' in shown
    assert 'nightshift_cleanup_deleted_total{kind="files",what="files_without_owner"} 1.0' in shown
    assert 'nightshift_cleanup_kept{kind="files",what="files_with_owner"} 1.0' in shown
    assert 'nightshift_cleanup_last_done_timestamp_seconds{kind="claims"} 0.0' not in shown
    lines = [msgspec.json.decode(line) for line in world.service.log.read_bytes().splitlines()]
    cleaned = {line["kind"]: line for line in lines if line.get("event") == "cleaned"}
    assert cleaned.keys() == KINDS
    assert cleaned["activity"]["deleted"] == {"activity_logs": 1}
    assert cleaned["activity"]["message"] == "activity: deleted 1 activity logs; kept 1 activity logs"


async def test_a_dangerous_age_is_a_dead_letter_that_says_why(world: World) -> None:
    """Whoever types it: the body breaks the contract, and nothing is deleted."""
    await Publisher(world.connection).publish_body(CleanInbox.TYPE, b'{"olderThanDays": 10}', job_id="too-young")

    async def letters() -> list[str]:
        return [letter.headers["Dead-Error"] for letter in await stored(world.connection, "MAINTENANCE_DLQ")]

    (reason,) = await eventually(letters, what="a dead letter")
    assert "olderThanDays is 10, expected 45 or more: a dead letter is kept for 30 days" in reason


async def _idle(world: World) -> bool:
    """Whether every run that began has ended, and the queue is empty."""
    async with world.database.read() as connection:
        open_runs = (await connection.execute(select(cleanup_runs.c.id).where(~cleanup_runs.c.done))).all()
    return not open_runs and not await stored(world.connection, "MAINTENANCE")
