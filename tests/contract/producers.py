"""What each part publishes, made by its real handlers: the provider's side of the pacts."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert

from contracts.sync import SyncAll
from contracts.webhook import WebhookReceived
from nightshift.broker.message import OutboundMessage
from nightshift.config.secret import Secret
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.cron import ScheduleFired
from nightshift.database import migrate, open_database
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import rows_of
from nightshift.scheduler.state.cron_stream import outgoing_event
from nightshift.scheduler.state.schedule_state import ScheduleState
from nightshift.scheduler.timetable.timetable import load_timetable
from nightshift.service.event_recorder import EventRecorder
from nightshift.testing import FakeObjectStore, route_of, temporary_database
from nightshift.worker.commit import Committer
from schema.tables import linked_accounts, users
from services.maintenance.handlers import enqueue_cleanups
from services.report.handlers import weekly_report
from services.report.notification_mail import notification_mail
from services.report.rendering.document import Document, Table, Tile
from services.report.report_store import StoredFile
from services.report.settings import ReportSettings
from services.sync.fan_out import sync_all, sync_due
from services.webhook.event_rows import LOG
from services.webhook.service import webhook as webhook_service

NOW = datetime(2026, 7, 27, 9, 0, tzinfo=UTC)
Producer = Callable[[], list[OutboundMessage]]


def _event(name: str) -> ScheduleFired:
    return ScheduleFired(name=name, schedule="0 9 * * 1", time_zone="UTC", due=NOW, announced=NOW)


def _job(service: str, job_type: str) -> Job:
    return Job(service, job_type, "CRON:1:2", "cron-1-2")


def _enqueued(job: Job) -> list[OutboundMessage]:
    """The job's follow-ups as the outbox publishes them."""
    return [OutboundMessage(row["subject"], dict(row["headers"]), row["body"]) for row in rows_of(job, NOW)]


def maintenance() -> list[OutboundMessage]:
    """The daily event becomes five jobs."""
    job = _job("maintenance", "cron.cleanup.daily")
    asyncio.run(enqueue_cleanups(_event("cleanup.daily"), job))
    return _enqueued(job)


def report() -> list[OutboundMessage]:
    """The weekly event becomes a job, and a report that is ready a mail."""
    settings = ReportSettings(database_url=Secret(""), s3_endpoint="", s3_access_key="", s3_secret_key=Secret(""))
    job = _job("report", "cron.report.weekly")
    asyncio.run(weekly_report(_event("report.weekly"), job, settings=settings))
    document = Document(
        name="Weekly summary",
        about="20 to 26 July 2026",
        compared_with="the 7 days before",
        tiles=[Tile("Sign-ins", 17, 12)],
        sections=[],
        sheet=Table("Days", [], []),
    )
    file = StoredFile(f"reports/weekly/{date(2026, 7, 26)}.html", "weekly-summary.html", 1000)
    mail = notification_mail(
        document, "ada@example.com", [file], application="Nightshift", link=None, attachment_bytes=5000
    )
    job.enqueue(mail)
    return _enqueued(job)


def scheduler() -> list[OutboundMessage]:
    """Every schedule that there is comes due."""
    found = []
    for schedule in load_timetable(load_catalogue()):
        state = ScheduleState(schedule, NOW - timedelta(days=8))
        state.plan(NOW)
        found.append(outgoing_event(state.event(NOW), 0))
    return found


def sync() -> list[OutboundMessage]:
    """The event becomes the job for all accounts, which becomes one for each account."""
    return asyncio.run(_sync())


async def _sync() -> list[OutboundMessage]:
    due, each = _job("sync", "cron.sync.all"), _job("sync", "sync.all")
    await sync_due(_event("sync.all"), due)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'nightshift.db'}"
        await migrate(url)
        database = open_database(url)
        async with database.write() as connection:
            await connection.execute(insert(users), {"id": "user-17", "email": "ada@example.com"})
            await connection.execute(insert(linked_accounts), {"user_id": "user-17", "service": "github"})
        await sync_all(SyncAll(), each, database=database, services=["github"])
        await database.close()
    return _enqueued(due) + _enqueued(each)


def webhook() -> list[OutboundMessage]:
    """A checkout becomes a mail, a push a sync, and two events of one second a refresh."""
    return asyncio.run(_webhook())


async def _webhook() -> list[OutboundMessage]:
    found = list[OutboundMessage]()
    async with temporary_database() as database:
        async with database.write() as connection:
            await connection.execute(insert(users), {"id": "user-17", "email": "ada@example.com"})
            account = {"user_id": "user-17", "service": "github", "external_account": "ada"}
            await connection.execute(insert(linked_accounts), account)
        recorder = EventRecorder(database, FakeObjectStore(), timedelta(0), LOG)
        given = {"database": database, "app_name": "Nightshift", "recorder": recorder}
        route, committer = route_of(webhook_service, WebhookReceived, **given), Committer(database)
        for number, (source, event_type, body) in enumerate(_EVENTS):
            about = WebhookReceived(
                source=source, event_id=str(number), event_type=event_type, received_at=NOW, body=json.dumps(body)
            )
            job = Job("webhook", about.TYPE, f"{source}-{number}", f"{source}-{number}")
            await route.handler(route.decode(msgspec.json.encode(about)), job)
            await committer.commit(job)
            found += _enqueued(job)
    return found


_CHECKOUT = {"id": "cs_17", "customer_details": {"email": "ada@example.com", "name": "Ada"}, "amount_total": 4200}
_EVENTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("stripe", "checkout.session.completed", {"data": {"object": {**_CHECKOUT, "currency": "eur"}}}),
    ("github", "push", {"repository": {"full_name": "ada/engine", "owner": {"login": "ada"}}}),
    *(
        (
            "stripe",
            "customer.subscription.updated",
            {
                "created": int(NOW.timestamp()),
                "data": {"object": {"id": "sub_17", "object": "subscription", "status": status}},
            },
        )
        for status in ("trialing", "active")
    ),
)


PRODUCERS: dict[str, Producer] = {
    "maintenance": maintenance,
    "report": report,
    "scheduler": scheduler,
    "sync": sync,
    "webhook": webhook,
}
"""The parts that publish -> all that they publish, once each."""


@cache
def _all(provider: str) -> list[OutboundMessage]:
    return PRODUCERS.get(provider, list)()


def produced(provider: str, subject: str) -> OutboundMessage:
    """Returns what a provider publishes on a subject.

    Raises:
        LookupError: it publishes nothing there.
    """
    found = [message for message in _all(provider) if message.subject == subject]
    if not found:
        raise LookupError(f"{provider} publishes nothing on {subject}")
    return found[0]
