"""Every service does its work with the permissions that it is shipped with, and needs no other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import insert, select

from contracts.email import SendEmail
from contracts.upload import ProcessUpload
from nightshift.broker import connect
from nightshift.broker.jetstream import manage, store
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired, manual_subject
from nightshift.database import Database, open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.services import Service
from nightshift.messaging.publisher import Publisher
from schema.tables import users
from tests.harness import eventually, stored
from tests.integration.security.conftest import TOPOLOGY, USERS, Guarded

NO_WORKERS = {"producer", "operator", "console-viewer", "console-operator", *load_catalogue().gateways}
SERVICES = [name for name in USERS if name not in NO_WORKERS]
NOW = datetime.now(UTC)


@pytest.fixture
async def database(guarded: Guarded) -> AsyncIterator[Database]:
    """The services' database."""
    opened = open_database(guarded.stack.environment()["DATABASE_URL"])
    yield opened
    await opened.close()


@pytest.fixture
async def publisher(guarded: Guarded) -> AsyncIterator[Publisher]:
    """Publishes as a producer."""
    producer = await connect(guarded.settings("producer"), name="producer")
    yield Publisher(producer)
    await producer.close()


@pytest.fixture(scope="module")
async def services(guarded: Guarded) -> AsyncIterator[dict[str, Service]]:
    """All of them, each as its user, ready."""
    extra = {"email": {"SMTP_TLS": "none"}, "report": {"ADMIN_EMAIL": "admin@example.com"}}
    async with AsyncExitStack() as closing:
        running: dict[str, Service] = {}
        for name in SERVICES:
            running[name] = service = guarded.service(name, MAX_RETRIES="3", **extra.get(name, {}))
            closing.push_async_callback(service.kill)
            await service.start()
        for service in running.values():
            await service.ready(timeout_seconds=60)
        yield running


def _refusals(guarded: Guarded, services: dict[str, Service]) -> list[str]:
    """Every line in which the broker, or a service, speaks of a missing permission."""
    logs = [service.log for service in services.values()] + [guarded.stack.broker.log]
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
    return [line for line in lines if "permission" in line.lower() or "authorization" in line.lower()]


async def _quiet(guarded: Guarded) -> None:
    async def nothing() -> bool:
        for stream in TOPOLOGY.streams:
            if stream.is_queue or stream.options.get("retention") == "workqueue":
                info = await manage(guarded.operator, f"STREAM.INFO.{stream.name}")
                if info["state"]["messages"]:
                    return False
        return True

    await eventually(nothing, what="all queues are empty", timeout_seconds=60)


async def test_jobs_events_retries_dead_letters_and_follow_ups_need_no_more(
    guarded: Guarded, services: dict[str, Service], database: Database, publisher: Publisher
) -> None:
    """A job and an event for each service, sent by a producer and the operator: done without one refusal."""
    async with database.write() as connection:
        await connection.execute(insert(users), {"id": "ada", "email": "ada@example.com"})
    mails = {"welcome": "ada@example.com", "again": "temporary-1+x@example.com", "never": "refused@example.com"}
    for job_id, to in mails.items():
        await publisher.publish(SendEmail(to=to, subject="Hi", body="<p>Hi</p>"), job_id=job_id)
    await publisher.publish(ProcessUpload(file_id="none", user_id="ada"), job_id="no-file")
    for event in ("cleanup.daily", "sync.all", "report.weekly"):
        fired = ScheduleFired(name=event, schedule="0 0 * * *", time_zone="UTC", due=NOW, announced=NOW)
        await store(guarded.operator, manual_subject(event), {}, msgspec.json.encode(fired))

    events = {"cron.cleanup.daily", "cron.sync.all", "cron.report.weekly"}

    async def done() -> bool:
        async with database.read() as connection:
            rows = await connection.execute(select(processed_messages.c.type).distinct())
            types = {row[0] for row in rows}
        return {"email.send", "sync.all", "report.generate", "maintenance.files", *events} <= types

    await eventually(done, what="every service has done something", timeout_seconds=60)
    await _quiet(guarded)
    assert [one.headers["Job-Id"] for one in await stored(guarded.operator, "EMAIL_DLQ")] == ["never"]
    await eventually(lambda: len(guarded.stack.mail.messages()) >= 3, what="the mails, with the weekly report's")
    assert _refusals(guarded, services) == []


async def test_what_a_sweep_and_a_relay_need_is_granted(guarded: Guarded, services: dict[str, Service]) -> None:
    """An overdue schedule is handed over, a stray becomes a dead letter: by the service's own user."""
    mail = msgspec.json.encode(SendEmail(to="late@example.com", subject="Late", body="<p>Late</p>"))
    await store(guarded.operator, "later.email.send.stray", {}, mail)

    async def swept() -> bool:
        return "stray" in str(await stored(guarded.operator, "EMAIL_DLQ"))

    await eventually(swept, what="the stray is a dead letter", timeout_seconds=60)
    await _quiet(guarded)
    assert _refusals(guarded, services) == []


async def test_the_scheduler_announces_as_its_own_user(guarded: Guarded) -> None:
    """A schedule due every second, in the scheduler's own name."""
    file = guarded.stack.folder / "schedules.toml"
    file.write_text('[[schedules]]\nname = "sync.often"\nschedule = "* * * * * *"\n')
    service = guarded.service("scheduler", SCHEDULES_FILE=str(file))
    await service.start()
    try:
        began = datetime.now(UTC)

        async def announced() -> bool:
            events = await stored(guarded.operator, "CRON", "cron.sync.often")
            return len(events) >= 2

        await eventually(announced, what="two events", timeout_seconds=30)
        assert datetime.now(UTC) - began < timedelta(seconds=30)
        assert "permission" not in service.log.read_text().lower()
    finally:
        await service.kill()
