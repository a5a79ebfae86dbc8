"""What each part publishes, made by its real handlers: the provider's side of the pacts."""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import insert

from contracts.sync import SyncAll
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
from schema.tables import linked_accounts, users
from services.maintenance.handlers import enqueue_cleanups
from services.report.handlers import weekly_report
from services.report.notification_mail import notification_mail
from services.report.rendering.document import Document, Table, Tile
from services.report.report_store import StoredFile
from services.report.settings import ReportSettings
from services.sync.fan_out import sync_all, sync_due

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


PRODUCERS: dict[str, Producer] = {
    "maintenance": maintenance,
    "report": report,
    "scheduler": scheduler,
    "sync": sync,
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
