"""The command line as a sender: what it asks for begins a trace."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace

from nightshift.embedded.stack import Stack
from tests.harness import connected, stored
from tests.integration.cli.harness import run_command
from tests.integration.tracing.collector import Collector, collecting

BODY = '{"to":"ada@example.com","subject":"Hello","body":"<p>Hello Ada</p>"}'


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector on a free port; the command runs in this process, whose tracer stays as it is."""
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: None)
    with collecting() as running:
        yield running


@pytest.mark.parametrize(
    ("arguments", "span", "stream"),
    [
        (("send", "email.send", BODY), "send email.send", "EMAIL"),
        (("cron", "run", "sync.all"), "send cron.sync.all", "CRON"),
    ],
)
async def test_what_the_operator_asks_for_begins_a_trace(
    stack: Stack, collector: Collector, arguments: tuple[str, ...], span: str, stream: str
) -> None:
    """With the same variable as the services; the message carries the span that was sent."""
    await stack.provision()
    environ = stack.environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    ran = await run_command(arguments, environ, Path("nowhere"))
    assert ran.code == 0, ran.err
    received = await collector.one(span)
    async with connected(stack.broker) as connection:
        (message,) = await stored(connection, stream)
    _, trace_id, span_id, _ = message.headers["traceparent"].split("-")
    assert (trace_id, span_id) == (received.span.trace_id.hex(), received.span.span_id.hex())
    assert received.resource["service.name"] == "nightshift-operator"
    assert not received.span.parent_span_id
