"""Where reports are asked for and made, as the chassis has it: handler, then commit."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import insert, select, update

from contracts.email import SendEmail
from contracts.report import GenerateReport
from nightshift.config.secret import Secret
from nightshift.contract.cron import ScheduleFired
from nightshift.database import Database
from nightshift.database.tables import outbox
from nightshift.messaging.job import Job
from nightshift.testing import FakeObjectStore
from nightshift.worker.commit import Committer
from schema.tables import reports
from services.report.handlers import generate_report, weekly_report
from services.report.queries.dead_letters import DeadLetters
from services.report.registry import KINDS, Kinds
from services.report.settings import ReportSettings

NOW = datetime(2026, 11, 23, 9, 0, 5, tzinfo=UTC)


class FakeDeadLetterCounts:
    """Says what it is told; `refusal` is raised instead if there is one."""

    def __init__(self) -> None:
        self.waiting = {"email.send": 2}
        self.refusal: Exception | None = None
        self.counted = 0

    async def count(self, now: datetime) -> DeadLetters:
        """See `DeadLetterCounts`."""
        if self.refusal:
            raise self.refusal
        self.counted += 1
        return DeadLetters(seen_at=now, waiting=dict(self.waiting), ever={"EMAIL_DLQ": sum(self.waiting.values())})


def settings(**changes: Any) -> ReportSettings:
    """Settings with an administrator."""
    made: dict[str, Any] = {"database_url": Secret("sqlite:///unused"), "s3_endpoint": "http://127.0.0.1:1"}
    made |= {"s3_access_key": "unused", "s3_secret_key": Secret("unused"), "admin_email": "admin@example.com"}
    return ReportSettings(**(made | {"app_name": "Acme"} | changes))


@dataclass
class Desk:
    """A database, an object store, and counts of dead letters."""

    database: Database
    objects: FakeObjectStore = field(default_factory=FakeObjectStore)
    dead_letters: FakeDeadLetterCounts = field(default_factory=FakeDeadLetterCounts)
    settings: ReportSettings = field(default_factory=settings)
    kinds: Kinds = field(default_factory=lambda: KINDS)

    async def ask(self, report_id: str = "report-1", **changes: Any) -> str:
        """Writes a row, as an application does."""
        row = {"id": report_id, "kind": "weekly-summary", "requester_email": "ada@example.com", "parameters": {}}
        async with self.database.write() as connection:
            await connection.execute(insert(reports), row | {"created_at": NOW} | changes)
        return report_id

    async def make(
        self,
        report_id: str = "report-1",
        *,
        is_last_attempt: bool = False,
        timeout: timedelta | None = None,
        now: datetime = NOW,
    ) -> Any:
        """Works the job off, as a delivery of its own; returns its result."""
        job_id = uuid4().hex
        job = Job("report", GenerateReport.TYPE, job_id, job_id, is_last_attempt=is_last_attempt, timeout=timeout)
        await generate_report(
            GenerateReport(report_id=report_id),
            job,
            database=self.database,
            objects=self.objects,
            dead_letters=self.dead_letters,
            settings=self.settings,
            kinds=self.kinds,
            now=lambda: now,
        )
        assert await Committer(self.database).commit(job)
        return job.result

    async def fire(self, due: datetime, zone: str = "UTC") -> None:
        """Works an event off, as a delivery of its own."""
        event = ScheduleFired(name="report.weekly", schedule="0 9 * * 1", time_zone=zone, due=due, announced=due)
        job_id = uuid4().hex
        job = Job("report", "cron.report.weekly", job_id, job_id)
        await weekly_report(event, job, settings=self.settings)
        assert await Committer(self.database).commit(job)

    async def row(self, report_id: str = "report-1") -> dict[str, Any]:
        """The report's row."""
        async with self.database.read() as connection:
            found = await connection.execute(select(reports).where(reports.c.id == report_id))
            return dict(found.mappings().one())

    async def rows(self) -> list[dict[str, Any]]:
        """All of them."""
        async with self.database.read() as connection:
            return [dict(row) for row in (await connection.execute(select(reports))).mappings()]

    async def change(self, report_id: str = "report-1", **values: Any) -> None:
        """Somebody else changes the row."""
        async with self.database.write() as connection:
            await connection.execute(update(reports).where(reports.c.id == report_id).values(**values))

    async def follow_ups(self) -> list[tuple[str, str, bytes]]:
        """Subject, job id and body of the jobs that wait to be published."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(outbox).order_by(outbox.c.created_at))).mappings().all()
        return [(row["subject"], row["headers"]["Job-Id"], bytes(row["body"])) for row in rows]

    async def mails(self) -> list[SendEmail]:
        """The mails among them."""
        bodies = [body for subject, _, body in await self.follow_ups() if subject == SendEmail.SUBJECT]
        return [msgspec.json.decode(body, type=SendEmail) for body in bodies]
