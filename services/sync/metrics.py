"""The sync service's numbers for Prometheus, under stable names."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class SyncMetrics(Collector):
    """Counts by external service; written by the event loop, read by the thread that answers `/metrics`."""

    def __init__(self, services: Iterable[str]) -> None:
        names = list(services)
        self.pages = {(name, result): 0 for name in names for result in ("changed", "unchanged")}
        self.records = {(name, change): 0 for name in names for change in ("seen", "removed")}
        self.rounds = {(name,): 0 for name in names}
        self.rate_limits = {(name,): 0 for name in names}
        self.revoked = {(name,): 0 for name in names}

    def collect(self) -> Iterator[Metric]:
        """Turns the numbers into Prometheus' families."""
        yield _counter("nightshift_sync_pages", "Pages stored.", ("service", "result"), self.pages)
        yield _counter(
            "nightshift_sync_records", "Records that pages had, or lacked.", ("service", "change"), self.records
        )
        yield _counter(
            "nightshift_sync_rounds", "Rounds through an account that came to their end.", ("service",), self.rounds
        )
        yield _counter(
            "nightshift_sync_rate_limits", "Times a service wanted no requests.", ("service",), self.rate_limits
        )
        yield _counter(
            "nightshift_sync_revoked", "Accounts whose credentials were refused.", ("service",), self.revoked
        )


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: dict[tuple[str, str], int] | dict[tuple[str], int]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in list(values.items()):
        family.add_metric(key, value)
    return family
