"""Shows every job in the metrics, in its trace, and as one line of the log."""

import time
from collections.abc import Callable

from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.observability.log import job_line
from nightshift.observability.metrics import Metrics
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.router import NO_ROUTE
from nightshift.worker.verdict import Ack, DeadLetter, Reschedule, Verdict

_NO_FAULT = frozenset({"snooze", "handed-back"})
"""Outcomes that are no success yet, and no error either."""


class JobObserver:
    """Observes the jobs of one worker."""

    def __init__(
        self, metrics: Metrics, tracing: Tracing = NO_TRACING, *, log_job: Callable[..., None] = job_line
    ) -> None:
        self._metrics, self._tracing, self._log_job = metrics, tracing, log_job

    def started(self, in_flight: InFlightJob) -> None:
        """Count the job into flight and begin its span."""
        in_flight.started_at = time.perf_counter()
        delivery, job = in_flight.delivery, in_flight.job
        self._metrics.job_started(job.type, max(0.0, time.time() - delivery.stored_ns / 1e9))
        in_flight.span = self._tracing.begin(delivery, job, known=in_flight.route is not NO_ROUTE)

    def finished(self, in_flight: InFlightJob, verdict: Verdict) -> None:
        """Count what became of the job, end its span, and write its line."""
        seconds = time.perf_counter() - in_flight.started_at
        job, span, error = in_flight.job, in_flight.span, None
        self._metrics.job_finished(job.type, verdict.outcome, seconds)
        if isinstance(verdict, Ack):
            span.end(verdict.outcome)
        else:
            error = verdict.error
            self._failed(in_flight, verdict)
        self._log_job(
            type=job.type,
            job_id=job.id,
            attempt=job.attempt,
            duration_ms=seconds * 1000,
            outcome=verdict.outcome,
            success=error is None,
            error=error,
            trace_id=span.trace_id or in_flight.trace_id or None,
        )

    def _failed(self, in_flight: InFlightJob, verdict: Reschedule | DeadLetter) -> None:
        job_type, outcome, reason = in_flight.job.type, verdict.outcome, verdict.outcome
        if isinstance(verdict, DeadLetter):
            reason = verdict.reason
            self._metrics.dead_lettered(job_type, reason)
        elif outcome == "retry":
            self._metrics.retried(job_type)
        if outcome in _NO_FAULT:
            in_flight.span.end(outcome)
        else:
            in_flight.span.end(outcome, verdict.error_type or reason, verdict.error)
