"""What cleanups deleted and kept, for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class CleanupMetrics(Collector):
    """Count what this process deleted; written by the event loop, read by the thread that answers `/metrics`."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._deleted: dict[tuple[str, str], int] = {}
        self._kept: dict[tuple[str, str], int] = {}
        self._last_done = dict.fromkeys(kinds, 0.0)

    def deleted(self, kind: str, counts: Mapping[str, int]) -> None:
        """Count what a page of a cleanup deleted."""
        for what, count in counts.items():
            self._deleted[kind, what] = self._deleted.get((kind, what), 0) + count

    def done(self, kind: str, kept: Mapping[str, int], at: float) -> None:
        """Record that a cleanup came to its end, when (Unix seconds), and what it kept."""
        self._last_done[kind] = at
        self._kept.update({(kind, what): count for what, count in kept.items()})

    def collect(self) -> Iterator[Metric]:
        """Turn the numbers into Prometheus' families."""
        deleted = CounterMetricFamily("nightshift_cleanup_deleted", "What was deleted.", labels=["kind", "what"])
        for (kind, what), count in list(self._deleted.items()):
            deleted.add_metric([kind, what], count)
        yield deleted
        kept = GaugeMetricFamily(
            "nightshift_cleanup_kept", "What the last cleanup kept that came to its end.", labels=["kind", "what"]
        )
        for (kind, what), count in list(self._kept.items()):
            kept.add_metric([kind, what], count)
        yield kept
        last = GaugeMetricFamily(
            "nightshift_cleanup_last_done_timestamp_seconds",
            "When a cleanup last came to its end in this process; 0 for not yet.",
            labels=["kind"],
        )
        for kind, at in list(self._last_done.items()):
            last.add_metric([kind], at)
        yield last
