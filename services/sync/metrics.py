"""The sync service's metrics for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class SyncMetrics(Collector):
    """Counters by external service; incremented on the event loop, read by the thread that serves `/metrics`."""

    def __init__(self, services: Iterable[str]) -> None:
        names = list(services)
        self.pages = {(name, result): 0 for name in names for result in ("changed", "unchanged")}
        self.records = {(name, change): 0 for name in names for change in ("seen", "removed")}
        self.rounds = dict.fromkeys(names, 0)
        self.rate_limits = dict.fromkeys(names, 0)
        self.revoked = dict.fromkeys(names, 0)
        self.switched_off = dict.fromkeys(names, 0)

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as metric families."""
        yield _counter("nightshift_sync_pages", "Pages stored.", ("service", "result"), self.pages)
        yield _counter(
            "nightshift_sync_records", "Records seen on pages, or removed.", ("service", "change"), self.records
        )
        yield _counter("nightshift_sync_rounds", "Completed rounds through an account.", ("service",), self.rounds)
        yield _counter(
            "nightshift_sync_rate_limits", "Rate limits that a service imposed.", ("service",), self.rate_limits
        )
        yield _counter("nightshift_sync_revoked", "Accounts that have to be linked again.", ("service",), self.revoked)
        yield _counter(
            "nightshift_sync_switched_off", "Accounts that failed for too long.", ("service",), self.switched_off
        )


def _counter(
    name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, str], int] | Mapping[str, int]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in list(values.items()):
        family.add_metric([key] if isinstance(key, str) else key, value)
    return family
