"""Shows every job in the metrics, in its trace, in the events, and as one line of the log."""

import time
from collections.abc import Callable, Sequence

from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.observability.job_log import JobEnd
from nightshift.observability.log import job_lines
from nightshift.observability.metrics import Metrics
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.job_news import JobNews
from nightshift.worker.router import NO_ROUTE
from nightshift.worker.verdict import INTERRUPTED, Ack, DeadLetter, Reschedule

_NO_FAULT = frozenset({"snooze", "handed-back"})
"""Outcomes that are no success yet, and no error either."""


class JobObserver:
    """Observes the jobs of one worker."""

    def __init__(
        self,
        metrics: Metrics,
        tracing: Tracing = NO_TRACING,
        *,
        news: JobNews | None = None,
        log_jobs: Callable[[Sequence[JobEnd]], None] = job_lines,
    ) -> None:
        self._metrics, self._tracing, self._log_jobs = metrics, tracing, log_jobs
        self._news = news or JobNews()

    def started(self, group: Sequence[InFlightJob]) -> None:
        """Count jobs of one type, at least one, into flight and begin their spans."""
        now, started_at = time.time(), time.perf_counter()
        job_type = group[0].job.type
        self._metrics.jobs_started(job_type, [now - in_flight.delivery.stored_ns / 1e9 for in_flight in group])
        for in_flight in group:
            in_flight.started_at = started_at
            known = in_flight.route is not NO_ROUTE
            in_flight.span = self._tracing.begin(in_flight.delivery, in_flight.job, known=known)

    def finished(self, group: Sequence[InFlightJob]) -> None:
        """Count what became of jobs, end their spans, and write their lines."""
        now = time.perf_counter()
        durations: dict[tuple[str, str], list[float]] = {}
        ends: list[JobEnd] = []
        started_at = seconds = milliseconds = 0.0
        for in_flight in group:
            job, span, verdict, error = in_flight.job, in_flight.span, in_flight.verdict or INTERRUPTED, None
            if in_flight.started_at != started_at:  # most began together
                started_at = in_flight.started_at
                seconds = now - started_at
                milliseconds = round(seconds * 1000, 3)
            outcome = verdict.outcome
            durations.setdefault((job.type, outcome), []).append(seconds)
            self._news.ended(in_flight, verdict, seconds)
            if isinstance(verdict, Ack):
                span.end(outcome)
            else:
                error = verdict.error
                self._failed(in_flight, verdict)
            trace_id = span.trace_id or in_flight.trace_id or None
            ends.append((job.type, job.id, job.attempt, milliseconds, outcome, error is None, error, trace_id))
        self._log_jobs(ends)
        for (job_type, outcome), seconds_of_each in durations.items():
            self._metrics.jobs_finished(job_type, outcome, seconds_of_each)

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
