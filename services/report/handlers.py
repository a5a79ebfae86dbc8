"""Handle report jobs: from row and figures to page, table and mail; turn the weekly event into such a job."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.report import GenerateReport
from nightshift import Job, Permanent, ScheduleFired, Unavailable
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from services.report.notification_mail import is_mail_address, link_to, notification_mail
from services.report.parameters import ReportRequest, parse_parameters, period_of
from services.report.period import Period, last_midnight
from services.report.queries import repository
from services.report.queries.dead_letters import DeadLetterCounts
from services.report.queries.repository import Report
from services.report.registry import KINDS, WEEKLY_SUMMARY, Kind, Kinds, kind_of
from services.report.rendering.document import Document
from services.report.report_store import StoredFile, store_report
from services.report.settings import ReportSettings

_MAX_ERROR_LENGTH = 500
_MAX_MARGIN = timedelta(seconds=10)
_log = get_logger("report")


class ReportTimeoutError(Exception):
    """The report took longer than its job may take."""


async def generate_report(
    message: GenerateReport,
    job: Job,
    *,
    database: Database,
    objects: ObjectStore,
    dead_letters: DeadLetterCounts,
    settings: ReportSettings,
    kinds: Kinds = KINDS,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Generate the report that a row asks for, store it, record its keys, and mail whoever asked for it.

    The result follows from the row and the database alone, so that a repeated run stores the same files under the
    same keys, and notifies once. A row that does not exist yet is tried again; it may not be committed yet.

    Raises:
        Permanent: the row asks for something that does not exist; it is marked as failed.
    """
    report = await repository.find(database, message.report_id)
    async with _failure_recorded(report, job, database=database, now=now()):
        kind = kind_of(report.kind, kinds)
        job.progress(0.1, "reading the figures")
        period = period_of(parse_parameters(report.parameters), report.created_at, default_days=kind.default_days)
        document = await _build(
            report, kind, period, database=database, dead_letters=dead_letters, settings=settings, now=now()
        )
        job.progress(0.8, "storing page and table")
        files = await store_report(objects, document, report, period, application=settings.app_name)
    problem = _notify(job, report, document, files, settings)
    mailed = bool(report.email) and problem is None
    html, csv = files
    job.write(repository.DONE, repository.done(report, html_key=html.key, csv_key=csv.key, error=problem, now=now()))
    job.result = {"reportId": report.id, "page": html.key, "table": csv.key, "mailed": mailed}


async def weekly_report(event: ScheduleFired, job: Job, *, settings: ReportSettings) -> None:
    """Request the report about the seven days that were over when the schedule was due, once per due time."""
    due = event.due.astimezone(UTC)
    try:
        until = last_midnight(due, ZoneInfo(event.time_zone))
    except (KeyError, ValueError, OSError) as error:
        raise Permanent(f"there is no time zone {event.time_zone!r}") from error
    report_id = f"weekly-{due:%Y%m%dT%H%M%SZ}"
    parameters = {"until": until.isoformat(), "timeZone": event.time_zone}
    row = repository.requested(
        report_id, kind=WEEKLY_SUMMARY, email=settings.admin_email, parameters=parameters, created_at=due
    )
    job.write(repository.REQUESTED, row)
    job.enqueue(GenerateReport(report_id=report_id))


@asynccontextmanager
async def _failure_recorded(report: Report, job: Job, *, database: Database, now: datetime) -> AsyncIterator[None]:
    """Record on the row what goes wrong inside, and raise it again.

    The status is `failed` if the job is given up, else `pending`. The time limit is a little shorter than the job's:
    once the worker has cancelled the job, nothing can be recorded.
    """
    limit = asyncio.timeout(None if job.timeout is None else _own_limit(job.timeout).total_seconds())
    try:
        try:
            async with limit:
                yield
        except TimeoutError:
            if not limit.expired() or job.timeout is None:
                raise
            seconds = _own_limit(job.timeout).total_seconds()
            raise ReportTimeoutError(f"it was not made within {seconds:g} s") from None
    except Permanent as refusal:
        reason = f"report {report.id!r} cannot be made: {refusal}"
        await repository.mark_failed(database, report, reason, now)
        raise Permanent(reason) from refusal
    except Unavailable as unavailable:
        if unavailable.component != "database":
            await repository.mark_pending(database, report, _error_line(unavailable))
        raise
    except Exception as error:
        if job.is_last_attempt:
            await repository.mark_failed(database, report, _error_line(error), now)
        else:
            await repository.mark_pending(database, report, _error_line(error))
        raise


def _own_limit(timeout: timedelta) -> timedelta:
    return timeout - min(_MAX_MARGIN, timeout / 10)


def _error_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:_MAX_ERROR_LENGTH]


async def _build(
    report: Report,
    kind: Kind,
    period: Period,
    *,
    database: Database,
    dead_letters: DeadLetterCounts,
    settings: ReportSettings,
    now: datetime,
) -> Document:
    """Build the report: the database's figures from one snapshot, the broker's as the first attempt counted them."""
    counts = repository.recorded_counts(report.parameters)
    if kind.counts_dead_letters and counts is None:
        counts = await dead_letters.count(now)
    counts = await repository.start(database, report, counts)
    async with database.read() as connection:
        earlier = await repository.counts_a_week_before(connection, report) if kind.counts_dead_letters else None
        return await kind.build(connection, ReportRequest(period, settings.report_rows, counts, earlier))


def _notify(
    job: Job, report: Report, document: Document, files: tuple[StoredFile, ...], settings: ReportSettings
) -> str | None:
    """Enqueue the mail to whoever asked; return what prevents it, which does not make the report a failure."""
    if not report.email:
        return None
    if not is_mail_address(report.email):
        problem = f"no notification was sent: {report.email!r} is not an email address"
        _log.warning("report_untold", f"Report {report.id} is ready, but {problem}", report_id=report.id)
        return problem
    mail = notification_mail(
        document,
        report.email,
        files,
        application=settings.app_name,
        link=link_to(settings.report_url, report.id) if settings.report_url else None,
        attachment_bytes=settings.report_attachment_bytes,
    )
    # The same however often the report is made; and nobody who does not know the report can guess the id and take it.
    job.enqueue(mail, job_id=f"report-ready/{report.id}/{files[0].sha256[:16]}")
    return None
