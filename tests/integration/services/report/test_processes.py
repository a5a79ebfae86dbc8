"""The report service and the email service as real processes, from the job to the object and the mail."""

import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import insert, select

from contracts.report import GenerateReport
from nightshift.broker import Connection, connect
from nightshift.broker.direct_get import read_all
from nightshift.broker.jetstream import store
from nightshift.config.env_settings import load
from nightshift.config.settings import Settings
from nightshift.contract.cron import ScheduleFired, manual_subject
from nightshift.database import Database, open_database
from nightshift.embedded.servers.mailbox import messages
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging import outbound
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore
from nightshift.runtime.object_stores import object_store
from schema.tables import reports, users
from tests.harness import eventually
from tests.servers import serving

DUE = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass
class Site:
    """An application beside the services."""

    stack: Stack
    connection: Connection
    database: Database
    objects: ObjectStore
    publisher: Publisher

    async def row(self, report_id: str, status: str) -> Any:
        """The report's row, once it has that status."""

        async def found() -> Any:
            query = select(reports).where(reports.c.id == report_id, reports.c.status == status)
            async with self.database.read() as connection:
                return (await connection.execute(query)).mappings().one_or_none()

        return await eventually(found, what=f"report {report_id} is {status}", timeout_seconds=60)

    async def mail(self, recipient: str) -> EmailMessage:
        """The one mail that this recipient got."""

        def found() -> list[EmailMessage]:
            parsed = [
                email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                for path in messages(self.stack.mail.mailbox)
            ]
            return [mail for mail in parsed if mail["X-Envelope-To"] == recipient]

        mails: list[EmailMessage] = await eventually(found, what=f"a mail to {recipient}", timeout_seconds=60)
        assert len(mails) == 1
        return mails[0]


@pytest.fixture(scope="module")
async def site(stack: Stack) -> AsyncIterator[Site]:
    """Both services, ready."""
    await stack.provision()
    environment = load(Settings, stack.environment())
    extra = {"ADMIN_EMAIL": "admin@example.com", "APP_NAME": "Acme"}
    services = [Service(stack, name, extra=extra) for name in ("report", "email")]
    async with AsyncExitStack() as open_things:
        connection = await connect(environment, name="test")
        open_things.push_async_callback(connection.close)
        database = open_database(environment.database_url.reveal())
        open_things.push_async_callback(database.close)
        objects = object_store(environment)
        open_things.push_async_callback(objects.close)
        await open_things.enter_async_context(serving(*services))
        yield Site(stack, connection, database, objects, Publisher(connection, objects))


async def test_a_job_becomes_objects_and_a_mail(site: Site) -> None:
    """The row first, then the job; at its end the page is an object and an attachment, byte for byte."""
    async with site.database.write() as connection:
        await connection.execute(insert(users), {"id": "user-1", "email": "ada@example.com", "name": "<b>Ada</b>"})
        row = {"id": "report-1", "kind": "storage-usage", "requested_by": "user-1"}
        await connection.execute(insert(reports), row)
    await site.publisher.publish(GenerateReport(report_id="report-1"))
    done = await site.row("report-1", "done")
    page = await site.objects.read(done["html_key"], limit=1_000_000)
    assert page.startswith(b"<!doctype html>")
    assert (await site.objects.stat(done["html_key"])).content_type == "text/html; charset=utf-8"
    mail = await site.mail("ada@example.com")
    attached = [(part.get_content_type(), part.get_payload(decode=True)) for part in mail.iter_attachments()]
    assert attached[0] == ("text/html", page)
    assert [kind for kind, _ in attached] == ["text/html", "text/csv"]


async def test_an_event_by_hand_becomes_the_weekly_report_and_its_mail(site: Site) -> None:
    """From the event through the outbox to the report, and through it to the administrator's mail with its figures."""
    event = ScheduleFired(name="report.weekly", schedule="0 9 * * 1", time_zone="UTC", due=DUE, announced=DUE)
    await store(site.connection, manual_subject("report.weekly"), {"Job-Id": "by-hand"}, outbound.encode(event))
    await site.row("weekly-20261123T090000Z", "done")
    mail = await site.mail("admin@example.com")
    assert mail["Subject"] == "Acme: weekly summary, 16 to 22 November 2026"
    body = mail.get_body(("html",))
    assert body is not None
    assert "Dead letters" in body.get_content()


async def test_an_unknown_kind_is_a_dead_letter_and_the_row_says_why(site: Site) -> None:
    """Both name what is wrong and what there is."""
    async with site.database.write() as connection:
        await connection.execute(insert(reports), {"id": "report-2", "kind": "horoscope"})
    await site.publisher.publish(GenerateReport(report_id="report-2"), job_id="report-2")
    failed = await site.row("report-2", "failed")
    assert "there is no kind of report 'horoscope'" in failed["error"]

    async def found() -> Any:
        letters = await read_all(site.connection, "REPORT_DLQ")
        return [letter.headers["Dead-Reason"] for letter in letters if letter.headers["Job-Id"] == "report-2"]

    assert await eventually(found, what="a dead letter") == ["permanent"]


async def test_a_job_that_is_faster_than_its_row_waits_for_it(site: Site) -> None:
    """The producer commits after it has published."""
    await site.publisher.publish(GenerateReport(report_id="report-3"))

    async def waits() -> bool:
        return bool(await read_all(site.connection, "REPORT_LATER"))

    await eventually(waits, what="the job waits for its next attempt")
    async with site.database.write() as connection:
        await connection.execute(insert(reports), {"id": "report-3", "kind": "user-activity"})
    await site.row("report-3", "done")
