"""Every service does its work with the role and the key that it is shipped with, and needs no other."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import msgspec
import pytest
from PIL import Image
from sqlalchemy import insert, select

from contracts.email import Attachment, SendEmail
from contracts.report import GenerateReport
from contracts.sync import SyncExternal
from contracts.upload import ProcessUpload
from demo.sites.feed_site import RSS_TYPE, FeedSite, rss
from demo.sites.http_site import HttpSite
from nightshift.broker import Connection, connect
from nightshift.broker.jetstream import manage, store
from nightshift.config.settings import Settings, load
from nightshift.contract.cron import ScheduleFired, manual_subject
from nightshift.database import Database, open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore
from nightshift.objects.s3 import open_objects
from schema.tables import activity_logs, email_deliveries, external_records, files, linked_accounts, reports, users
from tests.harness import eventually
from tests.integration.security.stores import BUCKET, WITH_ROLE, Keys, Roles, database_roles, identities
from tests.servers import needing_programs

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=400)


@dataclass
class World:
    """The services at work, and the owner's and the application's hands on what they work with."""

    stack: Stack
    services: dict[str, Service]
    connection: Connection
    database: Database
    objects: ObjectStore

    async def add(self, table: Any, **row: Any) -> None:
        """A row of the application's."""
        async with self.database.write() as connection:
            await connection.execute(insert(table), row)

    async def rows(self, query: Any) -> list[Any]:
        """What the database has."""
        async with self.database.read() as connection:
            return list((await connection.execute(query)).mappings())

    async def publish(self, message: Any, job_id: str) -> None:
        """Asks for a job."""
        await Publisher(self.connection, self.objects).publish(message, job_id=job_id)

    async def done(self, *types: str) -> None:
        """Waits for jobs of these types."""

        async def all_done() -> bool:
            rows = await self.rows(select(processed_messages.c.type).distinct())
            return set(types) <= {row["type"] for row in rows}

        await eventually(all_done, what=f"{', '.join(types)} are done", timeout_seconds=60)

    def refusals(self) -> list[str]:
        """Every line in which a server, or a service, speaks of a missing right."""
        words = ("permission denied", "accessdenied", "access denied", "must be owner", "refuses the request")
        lines = [line for one in self.services.values() for line in one.log.read_text(errors="replace").splitlines()]
        return [line for line in lines if any(word in line.lower() for word in words)]


async def _services(stack: Stack, roles: Roles, keys: Keys) -> dict[str, Service]:
    own = {
        "report": {"ADMIN_EMAIL": "admin@example.com"},
        "sync": {"SYNC_ALLOW_PRIVATE_ADDRESSES": "true"},
    }
    return {
        name: Service(stack, name, extra={"DATABASE_URL": roles.url(name), **keys.settings(name), **own.get(name, {})})
        for name in WITH_ROLE
    }


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Everything provisioned as the stack's credentials say, and every service as its own role and key."""
    stack = Stack(tmp_path_factory.mktemp("locked"))
    passwords = {name: secrets.token_urlsafe(16) for name in WITH_ROLE}
    stack.objects = ObjectServer(
        stack.folder / "objects", log=stack.logs / "weed.log", identities=identities(passwords)
    )
    async with AsyncExitStack() as closing:
        roles = await closing.enter_async_context(database_roles(tmp_path_factory.mktemp("certificates")))
        closing.push_async_callback(stack.kill)
        with needing_programs():
            await stack.start()
        extra = {"DATABASE_URL": roles.owner_url, "DATABASE_ROLES": json.dumps(roles.passwords)}
        provision = stack.process("nightshift.runtime.provision", extra=extra)
        assert await provision.wait(timeout_seconds=60) == 0, provision.output()
        services = await _services(stack, roles, Keys(stack.objects, passwords))
        for service in services.values():
            closing.push_async_callback(service.kill)
            await service.start()
        for service in services.values():
            await service.ready(timeout_seconds=60)
        connection = await connect(load(Settings, stack.environment()), name="test")
        closing.push_async_callback(connection.close)
        database = open_database(roles.owner_url)
        closing.push_async_callback(database.close)
        store = stack.objects
        objects = open_objects(store.endpoint, store.access_key, store.secret_key, BUCKET)
        closing.push_async_callback(objects.close)
        world = World(stack, services, connection, database, objects)
        await world.add(users, id="ada", email="ada@example.com", name="Ada")
        yield world


async def _event(world: World, name: str) -> None:
    fired = ScheduleFired(name=name, schedule="0 0 * * *", time_zone="UTC", due=NOW, announced=NOW)
    await store(world.connection, manual_subject(name), {}, msgspec.json.encode(fired))


async def test_upload_report_and_mail_need_no_more(world: World) -> None:
    """A picture becomes a thumbnail, a report its page and its mail; a long mail goes by claim check."""
    picture = BytesIO()
    Image.new("RGB", (64, 48), "navy").save(picture, "PNG")
    await world.objects.put("uploads/ada/1", picture.getvalue(), "image/png")
    await world.add(files, id="f1", user_id="ada", object_key="uploads/ada/1", original_name="a.png", status="uploaded")
    await world.add(files, id="f2", user_id="ada", object_key="uploads/ada/2", original_name="b.png", status="uploaded")
    await world.objects.put("uploads/ada/2", b"\x89PNG\r\n\x1a\nbroken", "image/png")
    await world.add(reports, id="r1", kind="storage-usage", requested_by="ada")
    for file_id in ("f1", "f2"):
        await world.publish(ProcessUpload(file_id=file_id, user_id="ada"), file_id)
    await world.publish(GenerateReport(report_id="r1"), "r1")
    await world.publish(SendEmail(to="ada@example.com", subject="Long", body="<p>word</p>" * 20_000), "long")
    await world.publish(
        SendEmail(
            to="a@example.com", subject="x", body="x", attachments=(Attachment(key="reports/no", file_name="x"),)
        ),
        "missing",
    )
    await eventually(lambda: len(world.stack.mail.messages()) >= 2, what="two mails", timeout_seconds=60)
    await world.done("upload.process", "report.generate", "email.send")

    async def judged() -> bool:
        rows = {row["id"]: row["status"] for row in await world.rows(select(files.c.id, files.c.status))}
        return (rows["f1"], rows["f2"]) == ("processed", "failed")

    await eventually(judged, what="one file is processed and one has failed", timeout_seconds=60)
    (row,) = await world.rows(select(files.c.thumbnail_key).where(files.c.id == "f1"))
    assert (await world.objects.stat(row["thumbnail_key"])).size > 0

    async def recorded() -> bool:
        return len(await world.rows(select(email_deliveries.c.id))) >= 2

    await eventually(recorded, what="both mails are recorded, which is committed after they are sent")
    assert world.refusals() == []


async def test_sync_and_maintenance_need_no_more(world: World) -> None:
    """An account is synced with sealed credentials; old rows and objects that nobody owns are deleted."""
    feeds = FeedSite()
    feeds.documents = {"/feed": (rss([1, 2]), RSS_TYPE)}
    await world.add(activity_logs, id="old", user_id="ada", action="login", created_at=LONG_AGO)
    await world.objects.put("uploads/ada/orphan", b"x", "text/plain")
    await world.add(files, id="gone", object_key="uploads/ada/orphan", original_name="x", status="processed")
    await world.add(files, id="never", user_id="ada", object_key="uploads/n", original_name="x", created_at=LONG_AGO)
    async with HttpSite(feeds.respond) as site:
        await world.add(
            linked_accounts,
            id="a1",
            user_id="ada",
            service="feed",
            base_url=f"{site.url}/feed",
            credentials="ada:secret",
        )
        await world.publish(SyncExternal(user_id="ada", service="feed"), "sync")
        await world.done("sync.external")
        await _event(world, "sync.all")
        await _event(world, "cleanup.daily")
        await _event(world, "report.weekly")
        kinds = ("sessions", "activity", "files", "claims", "inbox")
        await world.done("sync.all", "cron.report.weekly", *(f"maintenance.{kind}" for kind in kinds))
    assert len(await world.rows(select(external_records.c.external_id))) == 2
    (account,) = await world.rows(select(linked_accounts.c.credentials))
    assert account["credentials"].startswith("sealed:v1:")
    assert {row["id"] for row in await world.rows(select(files.c.id))} == {"f1", "f2"}
    assert await world.rows(select(activity_logs.c.id)) == []
    assert world.refusals() == []


async def test_nothing_is_left_waiting_or_dead_for_want_of_a_right(world: World) -> None:
    """The only dead letters are those that were asked for."""

    async def quiet() -> bool:
        info = [
            await manage(world.connection, f"STREAM.INFO.{name.upper()}")
            for name in world.services
            if name not in {"gateway", "console"}
        ]
        return not any(one["state"]["messages"] for one in info)

    await eventually(quiet, what="all queues are empty", timeout_seconds=60)
    for name in ("sync", "maintenance", "report"):
        info = await manage(world.connection, f"STREAM.INFO.{name.upper()}_DLQ")
        assert info["state"]["messages"] == 0, name
    assert world.refusals() == []
