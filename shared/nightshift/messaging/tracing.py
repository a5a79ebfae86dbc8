"""The port `Tracing`: what the library asks of whatever records traces; nothing is recorded where it is off."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from nightshift.broker.delivery import Delivery
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.messaging.job import Handler, Job

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def trace_id_in(traceparent: str) -> str:
    """Return the trace of a W3C trace context, 32 hexadecimal digits; empty if the text is none."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1] if match else ""


class JobSpan(Protocol):
    """What is recorded of one delivery of a job."""

    @property
    def trace_id(self) -> str:
        """The trace that the delivery belongs to, 32 hexadecimal digits; empty where nothing is recorded."""

    def end(self, outcome: str, error_type: str = "", error: str = "") -> None:
        """End the span with the job's outcome; with `error_type` it is marked as failed."""


class Tracing(Protocol):
    """Makes the spans of a process."""

    def begin(self, delivery: Delivery, job: Job, *, known: bool) -> JobSpan:
        """Begin the span of a delivery, and let the job's follow-up jobs and copies carry it on.

        `known` says that a handler has the job's type: only such a type is one of a few, and may name a span.
        """

    def within_span(self, handler: Handler) -> Handler:
        """Return the handler so that what it records becomes part of its job's span."""

    def sending(
        self, messages: Sequence[OutboundMessage], *, no_matter: tuple[type[Exception], ...] = ()
    ) -> AbstractContextManager[Sequence[OutboundMessage]]:
        """Yield the messages as they are to be sent within: each carries its own span.

        An error of `no_matter` leaves no span.
        """


class RequestSpan(Protocol):
    """What is recorded of one request that a server answers."""

    @property
    def trace(self) -> Mapping[str, str]:
        """The headers with which the jobs that it causes carry its trace on; none where there is no trace."""

    def answered(self, status: int) -> None:
        """Note the answer's HTTP status."""


class ServerTracing(Tracing, Protocol):
    """Makes the spans of a process that answers requests, too."""

    def serving(self, method: str, route: str, traceparent: str | None) -> AbstractContextManager[RequestSpan]:
        """Yield the span of an HTTP request that is answered within; what is sent within becomes its child.

        `route` is the template of its path; `traceparent` what its client sent, whatever that may be.
        """


class NoTracing:
    """Records nothing."""

    trace_id = ""

    def begin(self, delivery: Delivery, job: Job, *, known: bool) -> JobSpan:  # noqa: ARG002 - the port's
        """See `Tracing`."""
        return self

    def end(self, outcome: str, error_type: str = "", error: str = "") -> None:
        """See `JobSpan`."""

    def within_span(self, handler: Handler) -> Handler:
        """See `Tracing`."""
        return handler

    def sending(
        self,
        messages: Sequence[OutboundMessage],
        *,
        no_matter: tuple[type[Exception], ...] = (),  # noqa: ARG002 - the port's
    ) -> AbstractContextManager[Sequence[OutboundMessage]]:
        """See `Tracing`."""
        return nullcontext(messages)

    def serving(
        self,
        method: str,  # noqa: ARG002 - the port's
        route: str,  # noqa: ARG002 - the port's
        traceparent: str | None,
    ) -> AbstractContextManager[RequestSpan]:
        """See `ServerTracing`; the client's trace is passed on as it is."""
        return nullcontext(_Passing(traceparent) if traceparent and trace_id_in(traceparent) else _UNTRACED)


class _Passing:
    """Passes a client's trace on to the jobs of its request."""

    def __init__(self, traceparent: str | None) -> None:
        self.trace = {wire.TRACEPARENT: traceparent} if traceparent else {}

    def answered(self, status: int) -> None:
        """See `RequestSpan`."""


_UNTRACED = _Passing(None)


NO_TRACING = NoTracing()
