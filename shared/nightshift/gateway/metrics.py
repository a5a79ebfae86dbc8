"""What was asked of the gateway and how it was answered, for Prometheus."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from nightshift.observability.histogram import Histogram

NO_ROUTE = "none"
"""The route of a request to an address that there is not: nobody outside can create a time series."""
OUTCOMES = ("answered", "refused", "failed")
"""By status: below 400, the client's mistake, and ours or that of what we stand on (500 and above)."""
_REFUSED, _FAILED = 400, 500


class RequestMetrics(Collector):
    """Counts requests; written by the event loop, read by the thread that answers `/metrics`.

    Every route has its series from the start, at 0: an alarm sees the first failure rise.
    """

    def __init__(self, routes: Iterable[str]) -> None:
        names = [*dict.fromkeys(routes), NO_ROUTE]
        self._counts = {name: dict.fromkeys(OUTCOMES, 0) for name in names}
        self._durations = {name: Histogram() for name in names}
        self.in_hand = 0

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request that is over, `seconds` after its head had come."""
        name = route if route in self._counts else NO_ROUTE
        outcome = "failed" if status >= _FAILED else "refused" if status >= _REFUSED else "answered"
        self._counts[name][outcome] += 1
        self._durations[name].observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Turn the numbers into Prometheus' families."""
        requests = CounterMetricFamily(
            "nightshift_http_requests", "Requests by how they were answered.", labels=["route", "outcome"]
        )
        durations = HistogramMetricFamily(
            "nightshift_http_request_duration_seconds", "From head to end of the answer.", labels=["route"]
        )
        for name, counts in self._counts.items():
            for outcome, count in counts.items():
                requests.add_metric([name, outcome], count)
            buckets, total_seconds = self._durations[name].snapshot()
            durations.add_metric([name], buckets=buckets, sum_value=total_seconds)
        yield requests
        yield durations
        yield GaugeMetricFamily("nightshift_http_requests_in_hand", "Being answered.", value=self.in_hand)
