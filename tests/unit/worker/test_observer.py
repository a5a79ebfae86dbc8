"""What is shown of a job: in the metrics, in its trace, and in the log."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from nightshift.broker.delivery import Delivery
from nightshift.broker.message import OutboundMessage
from nightshift.messaging.job import Handler, Job
from nightshift.observability.job_log import JobEnds
from nightshift.observability.metrics import Metrics
from nightshift.worker.in_flight import InFlightJob, identify
from nightshift.worker.observer import JobObserver
from nightshift.worker.verdict import DONE, INTERRUPTED, DeadLetter, Reschedule, Verdict
from tests.unit.worker.deliveries import delivered, named

TRACE = "0af7651916cd43dd8448eb211c80319c"
RETRY = Reschedule("retry", timedelta(1), 1, "no luck", "ConnectionError")


class FakeTracing:
    """Records the ends of its spans; each of them belongs to the trace `trace_id`."""

    def __init__(self, trace_id: str = "") -> None:
        self.trace_id = trace_id
        self.ends: list[tuple[str, str, str]] = []

    def begin(self, _delivery: Delivery, _job: Job, *, known: bool) -> "FakeTracing":
        """See `Tracing`."""
        del known
        return self

    def end(self, outcome: str, error_type: str = "", error: str = "") -> None:
        """See `JobSpan`."""
        self.ends.append((outcome, error_type, error))

    def within_span(self, handler: Handler) -> Handler:
        """See `Tracing`."""
        return handler

    def sending(
        self, messages: Sequence[OutboundMessage], *, no_matter: tuple[type[Exception], ...] = ()
    ) -> AbstractContextManager[Sequence[OutboundMessage]]:
        """See `Tracing`."""
        del no_matter
        return nullcontext(messages)


class Watched:
    """An observer, and what it shows."""

    def __init__(self, tracing: FakeTracing) -> None:
        self.lines: list[JobEnds] = []
        self.metrics = Metrics(["probe.run"], registry=CollectorRegistry())
        self.observer = JobObserver(self.metrics, tracing, log_jobs=self.lines.append)

    def watch(self, in_flight: InFlightJob, verdict: Verdict) -> JobEnds:
        """Show one job from start to end; return what its log line is made of."""
        self.observer.started([in_flight])
        in_flight.verdict = verdict
        self.observer.finished([in_flight])
        return self.lines[-1]

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a counter for `probe.run`."""
        value = self.metrics.registry.get_sample_value(name, {"type": "probe.run", **labels})
        assert value is not None
        return value


def _in_flight(**headers: str) -> InFlightJob:
    return identify("probe", delivered(headers=named(headers)))


@pytest.mark.parametrize(
    ("verdict", "outcome", "error", "fault"),
    [
        (DONE, "done", None, None),
        (RETRY, "retry", "no luck", "ConnectionError"),
        (DeadLetter("permanent", "never", 1), "dead", "never", "permanent"),
        (INTERRUPTED, "interrupted", "the worker stopped while running it", ""),
    ],
)
def test_each_delivery_has_one_line(verdict: Verdict, outcome: str, error: str | None, fault: str | None) -> None:
    """It says which job it was, how it ended, and why."""
    line = Watched(FakeTracing()).watch(_in_flight(Job_Id="one"), verdict)
    assert (line.type, line.ids, line.attempt) == ("probe.run", ["one"], 1)
    assert (line.outcome, line.error, line.fault) == (outcome, error, fault)
    assert line.milliseconds[0] >= 0


def test_of_jobs_that_end_together_those_that_ended_alike_are_shown_together() -> None:
    """Each once, with its own tenant and trace."""
    watched = Watched(FakeTracing())
    group = [_in_flight(Job_Id=name) for name in "abcdef"]
    group[1].job.attempt = 2
    group[2].job.tenant = "acme"
    group[3].trace_id = TRACE
    watched.observer.started(group)
    for in_flight in group:
        in_flight.verdict = DONE
    group[4].verdict = RETRY
    watched.observer.finished(group)
    shown = {(line.attempt, line.outcome): (line.ids, line.tenants, line.traces) for line in watched.lines}
    assert shown == {
        (1, "done"): (["a", "c", "d", "f"], [None, "acme", None, None], [None, None, TRACE, None]),
        (2, "done"): (["b"], [None], [None]),
        (1, "retry"): (["e"], [None], [None]),
    }
    assert watched.metrics.in_flight == 0


def test_the_line_names_the_trace() -> None:
    """That of the job's span, else that of its sender, else none."""
    sender = _in_flight(traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    assert Watched(FakeTracing("span")).watch(sender, DONE).traces == ["span"]
    assert Watched(FakeTracing()).watch(sender, DONE).traces == [TRACE]
    assert Watched(FakeTracing()).watch(_in_flight(), DONE).traces == [None]


@pytest.mark.parametrize(
    ("verdict", "end"),
    [
        (DONE, ("done", "", "")),
        (Reschedule("snooze", timedelta(1), 0, "not yet"), ("snooze", "", "")),
        (Reschedule("handed-back", timedelta(0), 0, "stopping"), ("handed-back", "", "")),
        (RETRY, ("retry", "ConnectionError", "no luck")),
        (Reschedule("unavailable", timedelta(1), 0, "database"), ("unavailable", "unavailable", "database")),
        (DeadLetter("invalid", "no name", 1), ("dead", "invalid", "no name")),
    ],
)
def test_a_span_ends_with_the_outcome_and_fails_where_the_job_did(verdict: Verdict, end: tuple[str, str, str]) -> None:
    """A job that only waits is no failure; one that fails says with what."""
    tracing = FakeTracing()
    Watched(tracing).watch(_in_flight(), verdict)
    assert tracing.ends == [end]


def test_retries_and_dead_letters_are_counted() -> None:
    """Each by its own counter, beside the outcome."""
    watched = Watched(FakeTracing())
    for verdict in (DONE, RETRY, DeadLetter("permanent", "never", 2)):
        watched.watch(_in_flight(), verdict)
    assert watched.count("nightshift_retries_total") == 1
    assert watched.count("nightshift_dead_letters_total", reason="permanent") == 1
    assert watched.count("nightshift_jobs_total", outcome="done") == 1
    assert watched.metrics.in_flight == 0
