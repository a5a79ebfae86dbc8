"""The warnings of the tracing library, and how many of them are logged."""

import logging
from collections.abc import Iterator

import pytest

from nightshift.config.settings import ProcessSettings, SettingsError
from nightshift.messaging.tracing import NO_TRACING
from nightshift.runtime.span_export import QUIET_SECONDS, _LibraryWarnings
from nightshift.runtime.tracing import open_tracing


@pytest.fixture
def library() -> Iterator[logging.Logger]:
    """The library's logger, as it was before when the test is over."""
    logger = logging.getLogger("opentelemetry")
    handlers, propagate = logger.handlers[:], logger.propagate
    yield logger
    logger.handlers[:], logger.propagate = handlers, propagate


def test_each_module_of_the_library_may_warn_once_a_minute(
    library: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """As a warning of ours; whatever it is, a traceback is not in it."""
    now, away = 1000.0, OSError("connection refused")
    warnings = _LibraryWarnings(lambda: now)
    warnings.started = True
    for _ in range(50):
        for part in ("export", "queue"):
            library.getChild(part).error("%s is away: %s", part, away, exc_info=away)
    now += QUIET_SECONDS
    library.getChild("queue").warning("still away")
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "spans may be lost, jobs are not: export is away: connection refused",
        "spans may be lost, jobs are not: queue is away: connection refused",
        "spans may be lost, jobs are not: still away",
    ]
    assert not any(record.exc_info for record in caplog.records)
    assert {record.name for record in caplog.records} == {"nightshift.tracing"}


async def test_a_variable_that_the_library_cannot_read_is_an_error_of_the_settings(
    library: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own way is to warn and take the default: somebody would wonder for long."""
    del library
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "perhaps")
    with pytest.raises(SettingsError, match=r"OTEL_….*perhaps"):
        async with open_tracing("test", ProcessSettings(otel_exporter_otlp_endpoint="http://127.0.0.1:9")):
            pass


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:9"])
async def test_off_is_off(endpoint: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a collector, and where the standard's own switch says so."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true" if endpoint else "")
    async with open_tracing("test", ProcessSettings(otel_exporter_otlp_endpoint=endpoint)) as opened:
        assert opened is NO_TRACING
