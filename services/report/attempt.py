"""One attempt at a report: it has a time limit of its own, and however it fails, the row tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from nightshift.database import Database
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Unavailable
from services.report.queries import repository
from services.report.queries.repository import Report
from services.report.settings import ReportSettings

_LONGEST_REASON = 500
_LONGEST_MARGIN_SECONDS = 10.0


class ReportTimeoutError(Exception):
    """The report was not made within the time that a job has."""


@asynccontextmanager
async def attempt(
    report: Report, job: Job, *, database: Database, settings: ReportSettings, now: datetime
) -> AsyncIterator[None]:
    """Inside it the report is made; what goes wrong there is noted on its row and raised again.

    `failed` when it is given up on, else `pending`, with what went wrong: it is tried again. Its own limit comes a
    little before that of the job, because nothing can be noted any more when a job is cancelled by its worker.
    """
    seconds = settings.job_timeout_seconds - min(_LONGEST_MARGIN_SECONDS, settings.job_timeout_seconds / 10)
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except Permanent as refusal:
        reason = f"report {report.id!r} cannot be made: {refusal}"
        await repository.mark_failed(database, report, reason, now)
        raise Permanent(reason) from refusal
    except Unavailable as away:
        if away.component != "database":
            await repository.mark_waiting(database, report, _one_line(away))
        raise
    except Exception as error:
        failure = ReportTimeoutError(f"it was not made within {seconds:g} s") if limit.expired() else error
        if job.attempt > settings.max_retries:
            await repository.mark_failed(database, report, _one_line(failure), now)
        else:
            await repository.mark_waiting(database, report, _one_line(failure))
        if failure is error:
            raise
        raise failure from None


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'without a word'}"[:_LONGEST_REASON]
