"""Run the report service: `python -m services.report`."""

import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from contracts.report import GenerateReport
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.wire import service_of
from nightshift.observability.log import get_logger
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.topology.topology import dead_letter_stream
from nightshift.worker.router import Handlers
from services.report.handlers import generate_report, weekly_report
from services.report.queries.nats_dead_letters import StreamDeadLetterCounts
from services.report.settings import ReportSettings

_log = get_logger("report")


@asynccontextmanager
async def handlers(settings: ReportSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Bind the service's handlers to their real dependencies."""
    if settings.admin_email is None:
        _log.warning("nobody_to_tell", "ADMIN_EMAIL is not set: the weekly report is stored, and nobody gets a mail")
    yield {
        GenerateReport: partial(
            generate_report,
            database=context.database,
            objects=context.objects,
            dead_letters=StreamDeadLetterCounts(
                context.connection, dead_letter_streams(load_catalogue(settings.contracts_package).messages)
            ),
            settings=settings,
        ),
        "cron.report.weekly": partial(weekly_report, settings=settings),
    }


def dead_letter_streams(job_types: Iterable[str]) -> list[str]:
    """Return the names of all dead-letter streams: the services' and the schedules'."""
    return sorted({dead_letter_stream(service_of(job_type)) for job_type in [*job_types, "cron.any"]})


if __name__ == "__main__":
    sys.exit(run("report", ReportSettings, handlers))
