"""Tracing as it is switched on: one variable, real processes, a collector that is there, away or silent."""

import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.email import SendEmail
from nightshift.broker.jetstream import store
from nightshift.embedded.processes.clean_env import clean_environment
from nightshift.embedded.processes.process import Process
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from tests.harness import Harness, RunProbe, connected, eventually, working
from tests.integration.tracing.collector import Collector, collecting
from tests.repository import ROOT
from tests.servers import serving

MAIL = SendEmail(to="ada@example.com", subject="Hello", body="<p>hush-hush</p>")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on a free port."""
    with collecting() as running:
        yield running


@asynccontextmanager
async def email(stack: Stack, name: str, **extra: str) -> AsyncIterator[Service]:
    """The email service with these settings; stopped at the end."""
    await stack.provision()
    service = Service(stack, "email", extra={"LOG_FORMAT": "json", **extra})
    service.log = stack.logs / f"{name}.log"
    async with serving(service):
        yield service


def lines(service: Service, event: str) -> list[dict[str, Any]]:
    """Return the lines of one event. Each line of the log is JSON: nothing else was written to standard error."""
    logged = [json.loads(line) for line in service.log.read_text().splitlines()]
    return [line for line in logged if line["event"] == event]


def warnings(service: Service) -> list[dict[str, Any]]:
    """Return its warnings about the collector."""
    return [line for line in lines(service, "tracing") if line["level"] == "warning"]


async def send(stack: Stack, job_id: str) -> None:
    """Publishes a mail as a producer with a trace does."""
    async with connected(stack.broker) as connection:
        await Publisher(connection).publish(MAIL, job_id=job_id, headers={"traceparent": TRACE})


async def test_one_variable_brings_the_spans_of_a_service_to_the_collector(stack: Stack, collector: Collector) -> None:
    """With the key that the collector asks for, as its file has it then; what was traced last is sent at the end."""
    key = stack.logs / "headers"
    key.write_text("x-api-key=replaced%20meanwhile\n")
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS_FILE": str(key),
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging",
    }
    async with email(stack, "collected", **settings) as service:
        await send(stack, "collected")
        await eventually(lambda: lines(service, "job"), what="the job's line")
        assert collector.spans == []
        key.write_text("x-api-key=open%20sesame\n")
    assert service.process.exit_code == 0
    received = await collector.one("process email.send")
    assert received.span.trace_id.hex() == TRACE.split("-")[1]
    assert received.span.parent_span_id.hex() == TRACE.split("-")[2]
    assert [link.span_id.hex() for link in received.span.links] == [TRACE.split("-")[2]]
    assert received.attributes["messaging.message.id"] == "collected"
    assert received.attributes["nightshift.job.outcome"] == "done"
    assert received.resource["service.name"] == "nightshift-email"
    assert received.resource["deployment.environment.name"] == "staging"
    assert "hush" not in str(received.span)
    (path, headers), *_ = collector.requests
    assert path == "/v1/traces"
    assert headers["x-api-key"] == "open sesame"
    assert "sesame" not in service.log.read_text()


async def test_the_service_name_of_the_environment_counts(stack: Stack, collector: Collector) -> None:
    """And so does the compression, as with any program that uses the library."""
    settings = {"OTEL_SERVICE_NAME": "mails", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
    async with email(stack, "named", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **settings):
        await send(stack, "named")
        # The broker may have another test's mail; this process was named.
        received = await collector.one("process email.send")
    assert received.resource["service.name"] == "mails"


async def test_a_collector_that_is_away_costs_no_job_and_hardly_a_line(stack: Stack) -> None:
    """The jobs are done at once; the log has a warning or two, without a traceback."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    async with email(stack, "away", **settings) as service:
        for number in range(20):
            await send(stack, f"away-{number}")
        await eventually(lambda: len(lines(service, "job")) == 20, what="20 jobs")
        complaints = await eventually(lambda: warnings(service), what="a warning")
    assert service.process.exit_code == 0
    assert {line["outcome"] for line in lines(service, "job")} == {"done"}
    assert complaints[0]["message"].startswith("spans may be lost, jobs are not: ")
    assert len(warnings(service)) <= 3
    assert "Traceback" not in service.log.read_text()


async def test_a_collector_that_never_answers_holds_up_no_end(stack: Stack, collector: Collector) -> None:
    """The last spans get a few seconds, whatever the library would wait for them."""
    collector.silent.set()
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
    async with email(stack, "silent", **settings) as service:
        await send(stack, "silent")
        await eventually(lambda: lines(service, "job"), what="the job's line")
        began = time.monotonic()
    assert time.monotonic() - began < 15
    assert service.process.exit_code == 0
    (given_up,) = warnings(service)
    assert given_up["message"] == "the last spans did not reach the collector within 3 s: dropped"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector-4318"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zipped"),
        ("OTEL_TRACES_SAMPLER", "perhaps"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "several"),
    ],
)
async def test_a_wrong_variable_is_named_at_start(stack: Stack, name: str, value: str) -> None:
    """Ours as every setting, the library's in its own words; exit code 2, as for all settings."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", name: value}
    process = stack.process("services.email", log=stack.logs / f"{value}.log", extra=settings)
    try:
        assert await process.wait(timeout_seconds=30) == 2
    finally:
        await process.kill()
    assert value in process.output()
    assert "OTEL_" in process.output()
    assert "Traceback" not in process.output()


@asynccontextmanager
async def probe(broker: Broker, folder: Path, url: str) -> AsyncIterator[Harness]:
    """A process of the service `probe` whose handler makes a span of its own."""
    settings = {
        "NATS_URL": broker.url,
        "DATABASE_URL": f"sqlite:///{folder / 'nightshift.db'}",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "nobody",
        "S3_SECRET_KEY": "nothing",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    async with working(broker, None, folder, {}, start=False) as harness:
        command = [sys.executable, "-m", "tests.integration.tracing.traced_service"]
        environment = clean_environment() | settings
        process = Process("probe", command, log=folder / "probe.log", cwd=ROOT, environment=environment)
        try:
            yield harness
        finally:
            await process.stop()


async def test_a_handlers_own_tracer_needs_no_set_up(broker: Broker, tmp_path: Path, collector: Collector) -> None:
    """`opentelemetry.trace.get_tracer` as anywhere: its spans go to the same collector, below the job's."""
    async with probe(broker, tmp_path, collector.url) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        inner = await collector.one("look it up")
        outer = await collector.one("process probe.run")
    assert inner.span.parent_span_id == outer.span.span_id
    assert inner.resource["service.name"] == "nightshift-probe"


async def test_switched_off_nothing_of_it_is_imported(tmp_path: Path) -> None:
    """Neither by the services nor by the command line."""
    modules = [
        "nightshift.cli.__main__",
        *(f"services.{name}.__main__" for name in ("email", "report", "scheduler", "sync")),
    ]
    program = f"import sys, {', '.join(modules)}; print([name for name in sys.modules if name[:13] == 'opentelemetry'])"
    process = Process("imports", [sys.executable, "-c", program], log=tmp_path / "imports.log", cwd=ROOT)
    assert await process.wait(timeout_seconds=60) == 0
    assert process.output().strip() == "[]"


async def test_switched_off_a_traced_job_is_done_all_the_same(broker: Broker, tmp_path: Path) -> None:
    """Its follow-up jobs carry on what it brought, and no more."""
    seen: list[str] = []

    async def noting(_: RunProbe, job: Any) -> None:
        seen.append(job.trace["traceparent"])

    async with working(broker, None, tmp_path, {RunProbe: noting}) as harness:
        await store(harness.connection, "jobs.probe.run", {"traceparent": TRACE}, b'{"name":"a"}')
        await eventually(lambda: seen)
    assert seen == [TRACE]
