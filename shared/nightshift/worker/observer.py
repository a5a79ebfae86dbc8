"""Shows every job in the metrics, in its trace, and as one line of the log."""

import time
from collections.abc import Callable

from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.observability.log import job_line
from nightshift.observability.metrics import Metrics
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.router import NO_ROUTE
from nightshift.worker.verdict import Ack, DeadLetter, Verdict

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
        job, success = in_flight.job, isinstance(verdict, Ack)
        self._metrics.job_finished(job.type, verdict.outcome, seconds)
        if not success:
            self._count_failure(job.type, verdict)
        self._end_span(in_flight, verdict)
        self._log_job(
            type=job.type,
            job_id=job.id,
            attempt=job.attempt,
            duration_ms=seconds * 1000,
            outcome=verdict.outcome,
            success=success,
            error=None if isinstance(verdict, Ack) else verdict.error,
            trace_id=in_flight.span.trace_id or in_flight.trace_id or None,
        )

    def _count_failure(self, job_type: str, verdict: Verdict) -> None:
        if isinstance(verdict, DeadLetter):
            self._metrics.dead_lettered(job_type, verdict.reason)
        elif verdict.outcome == "retry":
            self._metrics.retried(job_type)

    def _end_span(self, in_flight: InFlightJob, verdict: Verdict) -> None:
        if isinstance(verdict, Ack) or verdict.outcome in _NO_FAULT:
            in_flight.span.end(verdict.outcome)
            return
        reason = verdict.reason if isinstance(verdict, DeadLetter) else verdict.outcome
        in_flight.span.end(verdict.outcome, verdict.error_type or reason, verdict.error)
