"""The report service: its handlers, and the real dependencies of them."""

from collections.abc import Iterable

from contracts.email import SendEmail
from nightshift import Service, ServiceContext
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.wire import service_of
from nightshift.observability.log import get_logger
from nightshift.topology.topology import dead_letter_stream
from services.report.handlers import generate_report, weekly_report
from services.report.queries.nats_dead_letters import StreamDeadLetterCounts
from services.report.settings import ReportSettings

_log = get_logger("report")
report = Service("report", settings=ReportSettings, publishes=[SendEmail])
report.handler(generate_report)
report.event("report.weekly")(weekly_report)


@report.resource
def dead_letters(settings: ReportSettings, context: ServiceContext) -> StreamDeadLetterCounts:
    """Counts what was given up on, in all services."""
    if settings.admin_email is None:
        _log.warning("nobody_to_tell", "ADMIN_EMAIL is not set: the weekly report is stored, and nobody gets a mail")
    job_types = load_catalogue(settings.contracts_package).messages
    return StreamDeadLetterCounts(context.connection, dead_letter_streams(job_types))


def dead_letter_streams(job_types: Iterable[str]) -> list[str]:
    """Return the names of all dead-letter streams: the services' and the schedules'."""
    return sorted({dead_letter_stream(service_of(job_type)) for job_type in [*job_types, "cron.any"]})
