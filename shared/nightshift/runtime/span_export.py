"""Exports spans to a collector, in the background: no job waits for it, and what it does not accept is lost."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import requests
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
"""For the last spans: an unavailable collector must not use up the time in which a process has to end."""
QUIET_SECONDS = 60.0
"""The library warns again and again while a collector is unavailable: at most one line per module in this time."""
_LIBRARY = logging.getLogger("opentelemetry")
_log = get_logger("tracing")


@asynccontextmanager
async def exporting(name: str, version: str, endpoint: str, headers: Secret | None) -> AsyncIterator[Spans]:
    """Export spans until the end, and then, within `FLUSH_SECONDS`, those that are left.

    The process's own tracers (`opentelemetry.trace.get_tracer`) send to the same place.

    Raises:
        SettingsError: a variable that the library reads itself is wrong.
    """
    warnings = _LibraryWarnings()
    provider = TracerProvider(resource=_resource(name, version), shutdown_on_exit=False)
    try:
        provider.add_span_processor(BatchSpanProcessor(exporter(endpoint, headers)))
    except (ValueError, RuntimeError, ImportError) as error:
        raise SettingsError([f"OTEL_…: {error}"]) from None
    if warnings.at_start:
        raise SettingsError([f"OTEL_…: {warning}" for warning in warnings.at_start])
    warnings.started = True
    trace.set_tracer_provider(provider)
    _log.info("tracing", f"spans go to {endpoint}")
    try:
        yield Spans(provider.get_tracer("nightshift", VERSION))
    finally:
        if not await _flushed(provider):
            warnings.over = True
            _log.warning("tracing", f"the last spans did not reach the collector within {FLUSH_SECONDS:g} s: dropped")


def exporter(endpoint: str, headers: Secret | None) -> SpanExporter:
    """Return an exporter to the collector at `endpoint`, to which the path of the signal is added."""
    return OTLPSpanExporter(
        endpoint=os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{endpoint.rstrip('/')}/v1/traces",
        session=None if headers is None else _session(headers),
    )


def _session(headers: Secret) -> requests.Session:
    """Return a session whose requests have these headers, as they are at each request: their file may be replaced."""

    def add(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(parse_env_headers(headers.reveal(), liberal=True))
        return request

    session = requests.Session()
    session.auth = add
    return session


def _resource(name: str, version: str) -> Resource:
    """Return what identifies this process; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence."""
    own = Resource.create({"service.name": f"nightshift-{name}", "service.version": version})
    return own.merge(OTELResourceDetector().detect())


async def _flushed(provider: TracerProvider) -> bool:
    """Shut the library down in a thread that the process need not wait for: it takes as long as the collector does."""
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


class _LibraryWarnings(logging.Handler):
    """Logs the library's warnings as our own, and not too often.

    At the start they are about variables that it cannot read and would replace by their defaults.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self.started = self.over = False
        self.at_start: list[str] = []
        self._logged: dict[str, float] = {}
        _LIBRARY.handlers[:] = [self]
        _LIBRARY.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Log the first warning of each module and minute."""
        if not self.started:
            self.at_start.append(record.getMessage())
            return
        now = self._clock()
        if self.over or now - self._logged.get(record.name, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        self._logged[record.name] = now
        with suppress(Exception):  # reporting it must not make it worse
            _log.warning("tracing", f"spans may be lost, jobs are not: {record.getMessage()}", library=record.name)
