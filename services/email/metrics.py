"""The email service's metrics for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class MailMetrics(Collector):
    """Counters; incremented on the event loop, read by the thread that serves `/metrics`."""

    def __init__(self) -> None:
        self.deferred = 0

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as metric families."""
        family = CounterMetricFamily(
            "nightshift_mail_deferred", "Times that a mail server put a mail off; it waits and is sent again."
        )
        family.add_metric([], self.deferred)
        yield family
