"""Brings spans to a collector, beside the jobs: nothing waits for it, and what it does not take is lost."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.util.re import parse_env_headers

from nightshift.config.secret import Secret
from nightshift.config.settings import SettingsError
from nightshift.observability.log import get_logger
from nightshift.runtime.spans import Spans
from nightshift.version import VERSION

FLUSH_SECONDS = 3.0
"""What the last spans may take: a collector that is away must not use up what a process has to end."""
QUIET_SECONDS = 60.0
"""The library complains again and again while a collector is away: of each of its parts so long one line at most."""
_LIBRARY = logging.getLogger("opentelemetry")
_log = get_logger("tracing")


@asynccontextmanager
async def exporting(name: str, endpoint: str, headers: Secret | None) -> AsyncIterator[Spans]:
    """Sends what is traced until the end, and then, within `FLUSH_SECONDS`, what is left.

    The process's own tracers (`opentelemetry.trace.get_tracer`) send to the same place.

    Raises:
        SettingsError: a variable that the library reads itself is wrong.
    """
    complaints = _Complaints()
    provider = TracerProvider(resource=_resource(name), shutdown_on_exit=False)
    try:
        provider.add_span_processor(BatchSpanProcessor(exporter(endpoint, headers)))
    except (ValueError, RuntimeError, ImportError) as error:
        raise SettingsError([f"OTEL_…: {error}"]) from None
    if complaints.at_start:
        raise SettingsError([f"OTEL_…: {complaint}" for complaint in complaints.at_start])
    complaints.started = True
    trace.set_tracer_provider(provider)
    _log.info("tracing", f"spans go to {endpoint}")
    try:
        yield Spans(provider.get_tracer("nightshift", VERSION))
    finally:
        if not await _flushed(provider):
            complaints.over = True
            _log.warning("tracing", f"the last spans did not reach the collector within {FLUSH_SECONDS:g} s: given up")


def exporter(endpoint: str, headers: Secret | None) -> SpanExporter:
    """What sends to the collector at `endpoint`, to which the path of the signal is added."""
    return OTLPSpanExporter(
        endpoint=os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{endpoint.rstrip('/')}/v1/traces",
        headers=None if headers is None else parse_env_headers(headers.reveal(), liberal=True),
    )


def _resource(name: str) -> Resource:
    """What is traced here; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` have the last word."""
    own = Resource.create({"service.name": f"nightshift-{name}", "service.version": VERSION})
    return own.merge(OTELResourceDetector().detect())


async def _flushed(provider: TracerProvider) -> bool:
    """Ends the library, which takes as long as the collector does: in a thread that the process need not wait for."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def shut_down() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # the loop has ended, nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=shut_down, name="last-spans", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_SECONDS):
            await done.wait()
    return done.is_set()


class _Complaints(logging.Handler):
    """Passes on what the library has to say, as warnings of ours and not too often.

    At the start it speaks of variables that it cannot read and would replace by their defaults.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.started = self.over = False
        self.at_start: list[str] = []
        self._told: dict[str, float] = {}
        _LIBRARY.handlers[:] = [self]
        _LIBRARY.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the first complaint of each part and minute."""
        if not self.started:
            self.at_start.append(record.getMessage())
            return
        now = time.monotonic()
        if self.over or now - self._told.get(record.name, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        self._told[record.name] = now
        with suppress(Exception):  # telling about it must not make it worse
            _log.warning("tracing", f"spans may be lost, jobs are not: {record.getMessage()}", library=record.name)
