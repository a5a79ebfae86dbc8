"""The metrics of a process for Prometheus: stable names, few labels, next to no cost per job."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from nightshift.observability.histogram import Histogram

UNKNOWN = "unknown"
"""The label of everything off the wire that is not in our lists: nobody outside can create a time series."""

DEAD_REASONS = frozenset({"invalid", "unknown-type", "permanent", "attempts-exhausted", "crash-loop", "cancelled"})
AGAIN = frozenset({"retry", "snooze", "unavailable", "handed-back", "interrupted", "dead-letter-refused"})
"""Outcomes of deliveries after which there is more to do; every other one finishes its job."""
_SEEN_FROM_THE_START = ("done", "retry", "snooze")
"""At 0 until there is one: an alarm compares how often each occurred."""
PULL_STATES = ("pulling", "paused", "disconnected", "stopped")


BY_SQL = "sql"
"""Who has written what was enqueued by SQL."""


class OutboxShare(NamedTuple):
    """Rows of the outbox that somebody wrote for some queue, and when (Unix seconds) the oldest was written."""

    written_by: str
    """The service; `sql` for what was enqueued by SQL."""
    queue: str
    """The service whose relay publishes them; empty where any may."""
    rows: int
    oldest: float


class _JobType:
    """The counters of one job type."""

    __slots__ = ("dead", "duration", "outcomes", "retries", "wait")

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = dict.fromkeys(_SEEN_FROM_THE_START, 0)
        self.dead = dict.fromkeys(sorted(DEAD_REASONS), 0)  # at 0 from the start: an alarm sees the first one rise
        self.retries = 0
        self.duration = Histogram()
        self.wait = Histogram()


class Metrics(Collector):
    """Counts what happens to jobs; only the event loop writes, the thread that answers `/metrics` reads.

    The client library's own counters take a lock per change, 2.3 µs for the four changes of a job; these are plain
    numbers (0.9 µs) that a scrape turns into the library's families.
    """

    def __init__(self, job_types: Iterable[str] = (), *, registry: CollectorRegistry | None = None) -> None:
        """Count each of the given job types separately, and all others as `unknown`."""
        self.registry = registry or CollectorRegistry(auto_describe=False)
        self.in_flight = 0
        self.finished = 0
        self._unknown = _JobType()
        self._types = {name: _JobType() for name in job_types}
        self._pull_states: dict[str, str] = {}
        self._pull_activity: dict[str, float] = {}
        self._circuits: dict[str, bool] = {}
        self._outbox: dict[tuple[str, str], OutboxShare] = {}
        self._held: dict[str, float] = {}
        self.registry.register(self)
        if registry is None:
            for collect in (ProcessCollector, PlatformCollector, GCCollector):
                collect(registry=self.registry)

    def jobs_started(self, job_type: str, wait_seconds: Sequence[float]) -> None:
        """Count jobs as in flight, each so many seconds after it was published (or due)."""
        self.in_flight += len(wait_seconds)
        self._types.get(job_type, self._unknown).wait.observe(*wait_seconds)

    def jobs_finished(self, job_type: str, outcome: str, duration_seconds: Sequence[float]) -> None:
        """Count jobs as no longer in flight, with their outcome and the time of each delivery."""
        self.in_flight -= len(duration_seconds)
        self.finished += 0 if outcome in AGAIN else len(duration_seconds)
        counted = self._types.get(job_type, self._unknown)
        counted.outcomes[outcome] = counted.outcomes.get(outcome, 0) + len(duration_seconds)
        counted.duration.observe(*duration_seconds)

    def retried(self, job_type: str) -> None:
        """Count a failed attempt that will be retried."""
        self._types.get(job_type, self._unknown).retries += 1

    def dead_lettered(self, job_type: str, reason: str) -> None:
        """Count a dead letter; a reason that is not in `DEAD_REASONS` counts as `unknown`."""
        dead = self._types.get(job_type, self._unknown).dead
        label = reason if reason in DEAD_REASONS else UNKNOWN
        dead[label] = dead.get(label, 0) + 1

    def by_type(self) -> dict[str, tuple[dict[str, int], float]]:
        """Return, for each type that had jobs, how often each outcome occurred, and the seconds its deliveries took."""
        counted = [*self._types.items(), (UNKNOWN, self._unknown)]
        some = [(name, {key: count for key, count in one.outcomes.items() if count}, one) for name, one in counted]
        return {name: (outcomes, one.duration.snapshot()[1]) for name, outcomes, one in some if outcomes}

    def pull_state(self, stream: str, state: str) -> None:
        """Set whether a stream is being pulled: `pulling`, `paused`, `disconnected` or `stopped`."""
        if state not in PULL_STATES:
            raise ValueError(f"pull state is {state!r}, expected one of {', '.join(PULL_STATES)}")
        self._pull_states[stream] = state

    def pull_activity(self, stream: str, at: float) -> None:
        """Set when (Unix seconds) the broker last sent anything for a stream, heartbeats included."""
        self._pull_activity[stream] = at

    def queue_held(self, stream: str, seconds: float) -> None:
        """Set for how long one job has kept many that are done from being removed from a stream; 0 when none does."""
        self._held[stream] = seconds

    def circuit(self, component: str, *, is_open: bool) -> None:
        """Set whether `database`, `objects`, `broker` or a service's own is unavailable and jobs wait for it."""
        self._circuits[component] = is_open

    def outbox(self, service: str, shares: Iterable[OutboxShare]) -> None:
        """Set what the outbox holds; what a service writes and publishes is shown also where that is nothing."""
        own = (OutboxShare(service, "", 0, 0.0), OutboxShare(BY_SQL, service, 0, 0.0))
        self._outbox = {(one.written_by, one.queue): one for one in (*own, *shares)}

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return everything in Prometheus' text format and its content type, for the client's `Accept` header."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def describe(self) -> Iterator[Metric]:
        """Describe the metrics to the registry; they are the same at any time."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Convert the numbers into Prometheus' families; called in the scraping thread."""
        counted = [*self._types.items(), (UNKNOWN, self._unknown)]
        yield _count("nightshift_jobs", "Jobs by how they ended.", "outcome", {n: c.outcomes for n, c in counted})
        yield _histogram(
            "nightshift_job_duration_seconds",
            "From the start of a delivery to its end: handler, commit, follow-up jobs.",
            {n: c.duration for n, c in counted},
        )
        yield _histogram("nightshift_job_wait_seconds", "From publish to start.", {n: c.wait for n, c in counted})
        yield GaugeMetricFamily("nightshift_jobs_in_flight", "Jobs in flight.", value=self.in_flight)
        retries = CounterMetricFamily("nightshift_retries", "Failed attempts that are retried.", labels=["type"])
        for name, job_type in counted:
            retries.add_metric([name], job_type.retries)
        yield retries
        yield _count("nightshift_dead_letters", "Jobs given up on.", "reason", {n: c.dead for n, c in counted})
        yield from self._connections()

    def _connections(self) -> Iterator[Metric]:
        pulling = GaugeMetricFamily(
            "nightshift_pull_state", "1 for the state that a stream's pull is in.", labels=["stream", "state"]
        )
        for stream, current in list(self._pull_states.items()):
            for state in PULL_STATES:
                pulling.add_metric([stream, state], state == current)
        yield pulling
        activity = GaugeMetricFamily(
            "nightshift_pull_last_activity_timestamp_seconds", "When the broker last sent anything.", labels=["stream"]
        )
        for stream, at in list(self._pull_activity.items()):
            activity.add_metric([stream], at)
        yield activity
        circuits = GaugeMetricFamily("nightshift_circuit_open", "1 while jobs wait for it.", labels=["component"])
        for component, is_open in list(self._circuits.items()):
            circuits.add_metric([component], is_open)
        yield circuits
        held = GaugeMetricFamily(
            "nightshift_queue_held_seconds", "How long one job has kept done ones in a queue.", labels=["stream"]
        )
        for stream, seconds in list(self._held.items()):
            held.add_metric([stream], seconds)
        yield held
        yield from self._waiting_in_outbox()

    def _waiting_in_outbox(self) -> Iterator[Metric]:
        labels = ["written_by", "queue"]
        rows = GaugeMetricFamily("nightshift_outbox_rows", "Jobs that the broker does not have yet.", labels=labels)
        oldest = GaugeMetricFamily(
            "nightshift_outbox_oldest_seconds", "For how long the oldest of them has waited.", labels=labels
        )
        for share in self._outbox.values():
            rows.add_metric([share.written_by, share.queue], share.rows)
            oldest.add_metric(
                [share.written_by, share.queue], max(0.0, time.time() - share.oldest) if share.rows else 0
            )
        yield rows
        yield oldest


def _count(name: str, text: str, label: str, counts: dict[str, dict[str, int]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["type", label])
    for job_type, by_label in counts.items():
        for value, count in list(by_label.items()):
            family.add_metric([job_type, value], count)
    return family


def _histogram(name: str, text: str, histograms: dict[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["type"])
    for job_type, histogram in histograms.items():
        buckets, total_seconds = histogram.snapshot()
        family.add_metric([job_type], buckets=buckets, sum_value=total_seconds)
    return family
