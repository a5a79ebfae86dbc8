"""A request is the root of its jobs' trace."""

from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from nightshift.database import migrate, open_database
from nightshift.embedded.servers.broker import Broker
from nightshift.gateway.intake import Intake, job_message
from nightshift.messaging.publisher import Publisher
from tests.harness import connected, provisioned, stored
from tests.integration.tracing.recorded import Recorded, attributes, parent_id, span_id, trace_id, traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENT = 0xB7AD6B7169203331


@pytest.mark.parametrize("client", [None, f"00-{TRACE}-{CLIENT:016x}-01", "nonsense"])
async def test_a_job_descends_from_the_request_that_brought_it(
    broker: Broker, tmp_path: Path, recorded: Recorded, client: str | None
) -> None:
    """Request, send: each the child of the one before; the request that of its client, if that had a trace."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'nightshift.db'}"
    await migrate(url)
    database = open_database(url)
    async with provisioned(broker), connected(broker) as connection:
        await manage(connection, "STREAM.PURGE.EMAIL")
        intake = Intake(connection, database, Publisher(connection, tracing=recorded.spans))
        with recorded.spans.serving("POST", "/v1/jobs/{type}", client) as span:
            await intake.accept(job_message("email.send", tmp_path.name, b"{}", span.trace, None))
            span.answered(202)
        (message,) = await stored(connection, "EMAIL")
    await database.close()
    request, sent = await recorded.one("POST /v1/jobs/{type}"), await recorded.one("send email.send")
    assert request.kind is SpanKind.SERVER
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/v1/jobs/{type}",
        "http.response.status_code": 202,
    }
    assert parent_id(request) == (CLIENT if client and client.startswith("00-") else None)
    assert parent_id(sent) == span_id(request)
    assert trace_id(sent) == trace_id(request)
    assert message.headers[wire.TRACEPARENT].startswith(traceparent(sent))


async def test_an_answer_that_is_our_fault_marks_its_span(recorded: Recorded) -> None:
    """A refusal does not: it is the client's."""
    for status in (422, 503):
        with recorded.spans.serving("POST", f"/{status}", None) as span:
            span.answered(status)
    refused, failed = await recorded.one("POST /422"), await recorded.one("POST /503")
    assert (refused.status.status_code, failed.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert attributes(failed)["error.type"] == "503"
