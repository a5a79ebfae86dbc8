"""Spans: one for each delivery that is processed, one for each job or event that is sent.

They follow OpenTelemetry's semantic conventions for messaging. There a link joins the processing of a message to its
sending, because a consumer may take many messages at once, or amid a span of its own. A message that is worked off
alone may have its sender as the parent, too; here each is. So both are set: the parent puts a job, its attempts and its
follow-up jobs into one trace, which every viewer shows as a tree; the link is what tools of the conventions look for.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from nightshift.broker.delivery import Delivery
from nightshift.broker.message import SCHEDULE_TARGET, OutboundMessage
from nightshift.config.redaction import may_hold_secret, single_line
from nightshift.contract import wire
from nightshift.messaging.job import Handler, Job

_LONGEST_ID = 200
_FIRST_FAULT = 500
"""HTTP statuses from here on say that the server is to blame."""
_W3C = TraceContextTextMapPropagator()


@dataclass(slots=True, frozen=True)
class DeliverySpan:
    """The span of a delivery in flight, among those of its process."""

    span: Span
    of_job: int
    in_flight: dict[int, Span]

    @property
    def trace_id(self) -> str:
        """The trace that it belongs to."""
        return f"{self.span.get_span_context().trace_id:032x}"

    def end(self, outcome: str, error_type: str = "", error: str = "") -> None:
        """End it with what became of the delivery."""
        self.span.set_attribute("nightshift.job.outcome", outcome)
        if error_type:
            _fail(self.span, error_type, error)
        self.span.end()
        self.in_flight.pop(self.of_job, None)


@dataclass(slots=True, frozen=True)
class ServedSpan:
    """The span of a request that is being answered."""

    span: Span
    trace: Mapping[str, str]

    def answered(self, status: int) -> None:
        """Note the answer's status; one that tells of a fault of ours makes it a failed one."""
        self.span.set_attribute("http.response.status_code", status)
        if status >= _FIRST_FAULT:
            _fail(self.span, str(status), "")


class Spans:
    """Makes the spans of a process: see the port `ServerTracing`."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._in_flight: dict[int, Span] = {}
        """The span of each job in flight, by the job's `id()`."""

    def begin(self, delivery: Delivery, job: Job, *, known: bool) -> DeliverySpan:
        """Begin the span of a delivery; what the job sends, and its copies where its sender had no trace, carry it on.

        `known` says that a handler has this type: only such a subject is one of a few, and names the span.
        """
        parent = _context(job.trace)
        sender = get_current_span(parent).get_span_context()
        span = self._tracer.start_span(
            f"process {job.type if known else 'unknown'}",
            parent,
            SpanKind.CONSUMER,
            {
                **_operation("process", delivery.subject if known else delivery.stream, job.type, job.id),
                **({} if wire.CLAIM in delivery.headers else {"messaging.message.body.size": len(delivery.body)}),
                "messaging.consumer.group.name": job.service,
                "nightshift.job.attempt": job.attempt,
            },
            [Link(sender)] if sender.is_valid else [],
        )
        job.trace = _trace(span)
        self._in_flight[id(job)] = span
        return DeliverySpan(span, id(job), self._in_flight)

    def within_span(self, handler: Handler) -> Handler:
        """Return the handler with its job's span as the current one, so that spans of its own become children."""

        async def traced(message: Any, job: Job) -> None:
            token = attach(set_span_in_context(self._in_flight.get(id(job), INVALID_SPAN)))
            try:
                await handler(message, job)
            finally:
                detach(token)

        return traced

    @contextmanager
    def sending(
        self, messages: Sequence[OutboundMessage], *, no_matter: tuple[type[Exception], ...] = ()
    ) -> Iterator[list[OutboundMessage]]:
        """Yield the messages as they are to be sent inside the block, each with its own span, a child of what it had.

        A message that carries nothing yet is a child of the current span. An error of `no_matter` leaves no span.
        """
        spans = [self._send_span(message) for message in messages]
        try:
            yield [
                OutboundMessage(message.subject, {**message.headers, **_trace(span)}, message.body)
                for message, span in zip(messages, spans, strict=True)
            ]
        except no_matter:
            spans = []  # what never ends is never exported
            raise
        except Exception as error:
            for span in spans:
                _fail(span, type(error).__name__, str(error))
            raise
        finally:
            for span in spans:
                span.end()

    @contextmanager
    def serving(self, method: str, route: str, traceparent: str | None) -> Iterator[ServedSpan]:
        """Yield the span of an HTTP request, and make it the current one; a child of its client's, if that had one.

        It follows the semantic conventions for HTTP; neither the path nor anything else that the client typed is in it.
        """
        span = self._tracer.start_span(
            f"{method} {route}",
            _context({wire.TRACEPARENT: traceparent} if traceparent else {}),
            SpanKind.SERVER,
            {"http.request.method": method, "http.route": route},
        )
        token = attach(set_span_in_context(span))
        try:
            yield ServedSpan(span, _trace(span))
        finally:
            detach(token)
            span.end()

    def _send_span(self, message: OutboundMessage) -> Span:
        where = message.headers.get(SCHEDULE_TARGET, message.subject)  # a schedule's own subject is different each time
        job_type = wire.type_of(where)
        job_id = message.headers.get(wire.JOB_ID) or message.headers.get(wire.MSG_ID, "")
        return self._tracer.start_span(
            f"send {job_type}",
            _context(message.headers) if wire.TRACEPARENT in message.headers else None,
            SpanKind.PRODUCER,
            {**_operation("send", where, job_type, job_id), "messaging.message.body.size": len(message.body)},
        )


def _operation(operation: str, destination: str, job_type: str, job_id: str) -> dict[str, str]:
    return {
        "messaging.system": "nats",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": destination,
        "messaging.message.id": _shown(job_id),
        "nightshift.job.type": job_type,
    }


def _shown(job_id: str) -> str:
    """Return the id as a span may have it; most are fine as they are, which is checked in a tenth of the time."""
    plain = len(job_id) <= _LONGEST_ID and job_id.isascii() and job_id.isprintable() and not may_hold_secret(job_id)
    return job_id if plain else single_line(job_id, _LONGEST_ID)


def _context(headers: Mapping[str, str]) -> Context:
    """Return the trace context that headers carry; an empty one if there is none, or none that can be read."""
    if wire.TRACEPARENT not in headers:
        return Context()
    return _W3C.extract({wire.TRACEPARENT: headers[wire.TRACEPARENT]}, Context())


def _trace(span: Span) -> dict[str, str]:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, set_span_in_context(span, Context()))
    return {wire.TRACEPARENT: carrier[wire.TRACEPARENT]}


def _fail(span: Span, error_type: str, text: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR, single_line(text))
