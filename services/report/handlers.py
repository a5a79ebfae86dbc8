"""Works off one report: from row and figures to page, table and mail; asks for the weekly one when it is due."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from contracts.report import GenerateReport
from nightshift.contract.cron import ScheduleFired
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.outcomes import Permanent
from services.report.attempt import attempt
from services.report.notification_mail import announcement, can_be_told, link_to
from services.report.parameters import period_of, read
from services.report.period import Period, day_before
from services.report.queries import repository
from services.report.queries.dead_letters import DeadLetterCounts
from services.report.queries.repository import Report
from services.report.registry import WEEKLY_SUMMARY, Kind, kind_of
from services.report.rendering.document import Document
from services.report.report_store import StoredFile, store
from services.report.request import Order
from services.report.settings import ReportSettings

_log = get_logger("report")


async def generate_report(
    message: GenerateReport,
    job: Job,
    *,
    database: Database,
    objects: ObjectStore,
    dead_letters: DeadLetterCounts,
    settings: ReportSettings,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Makes the report that a row asks for, stores it, notes where, and has who asked for it told.

    A row that asks for what cannot be made becomes a dead letter at once, and says `failed` and why; so does one
    whose last attempt failed or took too long. A row that is not there yet is tried again. What is made follows from
    the row and the database alone, so a repeated run stores the same under the same keys, and is announced once.
    """
    report = await repository.find(database, message.report_id)
    async with attempt(report, job, database=database, settings=settings, now=now()):
        kind = kind_of(report.kind)
        period = _period(report, kind)
        document = await _document(
            report, kind, period, database=database, dead_letters=dead_letters, settings=settings, now=now()
        )
        files = await store(objects, document, report, period, application=settings.app_name)
    trouble = _tell(job, report, document, files, settings)
    html, csv = files
    job.write(repository.DONE, repository.done(report, html_key=html.key, csv_key=csv.key, error=trouble, now=now()))


async def weekly_report(event: ScheduleFired, job: Job, *, settings: ReportSettings) -> None:
    """Asks for the report about the seven days that were over when the schedule was due, once per due time."""
    due = event.due.astimezone(UTC)
    try:
        until = day_before(due, ZoneInfo(event.time_zone))
    except (KeyError, ValueError, OSError) as error:
        raise Permanent(f"there is no time zone {event.time_zone!r}") from error
    report_id = f"weekly-{due:%Y%m%dT%H%M%SZ}"
    parameters = {"until": until.isoformat(), "timeZone": event.time_zone}
    row = repository.asked_for(
        report_id, kind=WEEKLY_SUMMARY, email=settings.admin_email, parameters=parameters, written_at=due
    )
    job.write(repository.ASKED_FOR, row)
    job.enqueue(GenerateReport(report_id=report_id), job_id=report_id)


def _period(report: Report, kind: Kind) -> Period:
    return period_of(read(report.parameters), written_at=report.created_at, usual_days=kind.usual_days)


async def _document(
    report: Report,
    kind: Kind,
    period: Period,
    *,
    database: Database,
    dead_letters: DeadLetterCounts,
    settings: ReportSettings,
    now: datetime,
) -> Document:
    """All figures of the database come from one snapshot; those of the broker from the first attempt."""
    seen = repository.kept(report.parameters)
    if kind.counts_dead_letters and seen is None:
        seen = await dead_letters.look(now)
    seen = await repository.begin(database, report, seen)
    async with database.read() as connection:
        earlier = await repository.seen_a_week_before(connection, report) if kind.counts_dead_letters else None
        order = Order(period, settings.report_rows, seen, earlier)
        return await kind.build(connection, order)


def _tell(
    job: Job, report: Report, document: Document, files: tuple[StoredFile, ...], settings: ReportSettings
) -> str | None:
    """Adds the mail to who asked; returns what stands in its way, which is no fault of the report."""
    if not report.email:
        return None
    if not can_be_told(report.email):
        trouble = f"nobody was told: {report.email!r} is no email address"
        _log.warning("report_untold", f"Report {report.id} is ready, but {trouble}", report_id=report.id)
        return trouble
    mail = announcement(
        document,
        report.email,
        files,
        application=settings.app_name,
        link=link_to(settings.report_url, report.id) if settings.report_url else None,
        attachment_bytes=settings.report_attachment_bytes,
    )
    job.enqueue(mail, job_id=f"report-ready/{report.id}")
    return None
