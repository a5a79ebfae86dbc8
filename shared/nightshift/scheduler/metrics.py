"""The scheduler's metrics for Prometheus, under stable names."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from nightshift.observability.histogram import Histogram


class ScheduleMetrics(Collector):
    """Counts what is announced; written by the event loop, read by the thread that serves `/metrics`."""

    def __init__(self, names: Iterable[str]) -> None:
        self.events = dict.fromkeys(names, 0)
        self.misfires = dict.fromkeys(self.events, 0)
        self.last_due = dict.fromkeys(self.events, 0.0)
        self.overtaken = 0
        self.lateness = Histogram()

    def announced(self, name: str, due_timestamp: float, late_seconds: float) -> None:
        """Count an event that this process announced, `late_seconds` after it was due."""
        self.events[name] += 1
        self.last_due[name] = due_timestamp
        self.lateness.observe(late_seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers as Prometheus' families."""
        yield GaugeMetricFamily("nightshift_schedules", "Schedules in the timetable.", value=len(self.events))
        yield _per_schedule(
            CounterMetricFamily("nightshift_schedule_events", "Events announced by this process.", labels=["schedule"]),
            self.events,
        )
        yield _per_schedule(
            CounterMetricFamily(
                "nightshift_schedule_misfires", "Times that due times were missed by over 60 s.", labels=["schedule"]
            ),
            self.misfires,
        )
        yield _per_schedule(
            GaugeMetricFamily(
                "nightshift_schedule_last_due_timestamp_seconds",
                "Due time of the last event that this process announced; 0 for none yet.",
                labels=["schedule"],
            ),
            self.last_due,
        )
        overtaken = CounterMetricFamily(
            "nightshift_schedule_outrun", "Events that another scheduler had announced first.", value=self.overtaken
        )
        yield overtaken
        lateness = HistogramMetricFamily("nightshift_schedule_lateness_seconds", "From due until stored at the broker.")
        buckets, total_seconds = self.lateness.snapshot()
        lateness.add_metric([], buckets=buckets, sum_value=total_seconds)
        yield lateness


def _per_schedule(family: CounterMetricFamily | GaugeMetricFamily, values: dict[str, int] | dict[str, float]) -> Metric:
    for name, value in list(values.items()):
        family.add_metric([name], value)
    return family
