"""Shows every job in the metrics, in its trace, in the events, and as one line of the log."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.observability.job_log import JobEnds
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
        log_jobs: Callable[[JobEnds], None] = job_lines,
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
        """Count what became of jobs, end their spans, tell of them, and write their lines."""
        for ends in self._alike(group):
            self._metrics.jobs_finished(ends.type, ends.outcome, ends.seconds)
            self._news.ended(ends)
            self._log_jobs(ends)

    def _alike(self, group: Sequence[InFlightJob]) -> Iterable[JobEnds]:
        """End the spans of jobs, and return how they ended: most of a group did so in the same way."""
        now = time.perf_counter()
        alike: dict[tuple[Any, ...], JobEnds] = {}
        started_at = seconds = milliseconds = 0.0
        for in_flight in group:
            job, span, verdict = in_flight.job, in_flight.span, in_flight.verdict or INTERRUPTED
            error = fault = None
            if in_flight.started_at != started_at:  # most began together
                started_at = in_flight.started_at
                seconds = now - started_at
                milliseconds = round(seconds * 1000, 3)
            outcome = verdict.outcome
            if isinstance(verdict, Ack):
                span.end(outcome)
            else:
                error, fault = verdict.error, self._failed(in_flight, verdict)
            ends = alike.get(key := (job.type, job.attempt, outcome, error, fault))
            if ends is None:
                ends = alike[key] = JobEnds(*key)
            ends.ids.append(job.id)
            ends.seconds.append(seconds)
            ends.milliseconds.append(milliseconds)
            ends.tenants.append(job.tenant)
            ends.traces.append(span.trace_id or in_flight.trace_id or None)
        return alike.values()

    def _failed(self, in_flight: InFlightJob, verdict: Reschedule | DeadLetter) -> str:
        """Count a delivery that did not end well; return the class of what happened, or why its job is dead."""
        job_type, outcome, reason = in_flight.job.type, verdict.outcome, ""
        if isinstance(verdict, DeadLetter):
            reason = verdict.reason
            self._metrics.dead_lettered(job_type, reason)
        elif outcome == "retry":
            self._metrics.retried(job_type)
        fault = verdict.error_type or reason
        if outcome in _NO_FAULT:
            in_flight.span.end(outcome)
        else:
            in_flight.span.end(outcome, fault or outcome, verdict.error)
        return fault
