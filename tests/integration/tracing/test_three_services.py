"""One trace over three services: the scheduler's event, the report that comes of it, the mail that tells of that."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nightshift.config.settings import load
from nightshift.contract.catalogue import load_catalogue
from nightshift.embedded.stack import Stack
from nightshift.runtime import span_export
from nightshift.scheduler import app as scheduler
from nightshift.scheduler.settings import SchedulerSettings
from nightshift.scheduler.timetable.timetable import load_timetable
from nightshift.service.running import serve_service
from services.email.service import email
from services.email.settings import EmailSettings
from services.report.service import report
from services.report.settings import ReportSettings
from tests.harness import eventually
from tests.integration.tracing.recorded import attributes, links, parent_id, span_id, trace_id

ONCE = '[[schedules]]\nname = "report.weekly"\nschedule = "* * * * * *"\n'


class Ended:
    """The spans that all services sent to the same collector."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def chain(self) -> list[ReadableSpan]:
        """From a mail that was worked off to where it all began."""
        spans = {span_id(span): span for span in self.exporter.get_finished_spans()}
        last = next((span for span in spans.values() if span.name == "process email.send"), None)
        found = list[ReadableSpan]()
        while last is not None:
            found.insert(0, last)
            last = spans.get(parent_id(last) or 0)
        return found


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Ended:
    """An exporter in memory in the place of the one that needs a collector; these services share a process."""
    kept = Ended()
    monkeypatch.setattr(span_export, "exporter", lambda *_: kept.exporter)
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: None)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    return kept


@asynccontextmanager
async def running(service: Any) -> AsyncIterator[None]:
    """Run a service on this event loop until the end of the block."""
    stop = asyncio.Event()
    work: Awaitable[int] = asyncio.create_task(service(stop))
    try:
        yield
    finally:
        stop.set()
        assert await work == 0


async def test_one_trace_over_three_services(stack: Stack, ended: Ended, tmp_path: Path) -> None:
    """Each sending is the child of the work that it came of, each work the child of its sending, and linked with it."""
    await stack.provision()
    (tmp_path / "schedules.toml").write_text(ONCE)
    environ = stack.environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    of_report = load(ReportSettings, environ | {"ADMIN_EMAIL": "ada@example.com"})
    of_email, of_scheduler = load(EmailSettings, environ), load(SchedulerSettings, environ)
    timetable = load_timetable(load_catalogue(), tmp_path / "schedules.toml")
    async with AsyncExitStack() as services:
        for service in (
            lambda stop: serve_service(email, of_email, stop),
            lambda stop: serve_service(report, of_report, stop),
            lambda stop: scheduler.serve(of_scheduler, timetable, stop),
        ):
            await services.enter_async_context(running(service))
        await eventually(lambda: len(ended.chain()) == 6, what="a whole trace", timeout_seconds=60)
    chain = ended.chain()
    assert [(span.name, span.resource.attributes["service.name"]) for span in chain] == [
        ("send cron.report.weekly", "nightshift-scheduler"),
        ("process cron.report.weekly", "nightshift-report"),
        ("send report.generate", "nightshift-report"),
        ("process report.generate", "nightshift-report"),
        ("send email.send", "nightshift-report"),
        ("process email.send", "nightshift-email"),
    ]
    assert len({trace_id(span) for span in chain}) == 1
    assert [links(span) for span in chain[1::2]] == [[span_id(span)] for span in chain[::2]]
    assert parent_id(chain[0]) is None
    told = [attributes(span) for span in chain]
    assert [one["messaging.destination.name"] for one in told[::2]] == [
        "cron.report.weekly",
        "jobs.report.generate",
        "jobs.email.send",
    ]
    assert [one["messaging.message.id"] for one in told[::2]] == [one["messaging.message.id"] for one in told[1::2]]
    assert {one["nightshift.job.outcome"] for one in told[1::2]} == {"done"}
