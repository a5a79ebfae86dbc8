"""The port `Tracing`: what the library asks of whatever records traces; nothing is recorded where it is off."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from nightshift.broker.delivery import Delivery
from nightshift.broker.message import OutboundMessage
from nightshift.messaging.job import Handler, Job


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


NO_TRACING = NoTracing()
