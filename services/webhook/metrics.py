"""The webhook service's metrics for Prometheus."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class WebhookMetrics(Collector):
    """Counters; incremented on the event loop, read by the thread that serves `/metrics`."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        """By source and outcome."""

    def count(self, source: str, outcome: str) -> None:
        """Count an event."""
        self.events[source, outcome] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as metric families."""
        events = CounterMetricFamily(
            "nightshift_webhook_events", "Events worked off, by outcome.", labels=("source", "outcome")
        )
        for labels, value in list(self.events.items()):
            events.add_metric(labels, value)
        yield events
