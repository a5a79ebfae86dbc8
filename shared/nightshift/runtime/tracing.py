"""Switches tracing on where a collector is named; else nothing of it is even imported."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nightshift.config.extras import extra
from nightshift.config.settings import ProcessSettings, SettingsError
from nightshift.messaging.tracing import NO_TRACING, ServerTracing
from nightshift.version import VERSION


@asynccontextmanager
async def open_tracing(name: str, settings: ProcessSettings) -> AsyncIterator[ServerTracing]:
    """Yield what the process `nightshift-<name>` makes its spans with; send the last of them at the end.

    Raises:
        SettingsError: one of the standard's own variables is wrong.
    """
    if settings.otel_exporter_otlp_endpoint is None or _disabled():
        yield NO_TRACING
        return
    try:
        with extra("tracing", "OTEL_EXPORTER_OTLP_ENDPOINT"):
            from nightshift.runtime.span_export import exporting  # noqa: PLC0415 - a tenth of a second, for those who want it only
    except ValueError as error:  # the library reads some variables when it is imported
        raise SettingsError([str(error)]) from None
    endpoint, headers = settings.otel_exporter_otlp_endpoint, settings.otel_exporter_otlp_headers
    async with exporting(name, settings.app_version or VERSION, endpoint, headers) as spans:
        yield spans


def _disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
