"""What happens to webhooks, as metrics for Prometheus: by source, outcome, reason, and which secret matched."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Literal, get_args

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from nightshift.webhooks.verdict import Reason

Outcome = Literal[
    "accepted", "outbox", "duplicate", "ignored", "refused", "limited", "too-large", "busy", "slow", "unavailable"
]
"""`outbox`: accepted while the broker was away. `ignored`: verified, and not wanted. `refused`: not verified.
`limited`: more than the source may send."""


class WebhookMetrics(Collector):
    """Counted on the event loop, read by the thread that serves `/metrics`; only sources that exist are labels.

    `sources` names those that there are: they are at 0 from the start, so that an alarm sees the first one rise.
    """

    def __init__(self, sources: Callable[[], Iterable[str]] = tuple) -> None:
        self._sources = sources
        self._outcomes: dict[tuple[str, str], int] = {}
        self._reasons: dict[tuple[str, str], int] = {}
        self._secrets: dict[tuple[str, str], int] = {}

    def ended(self, source: str, outcome: Outcome) -> None:
        """Count a request by what became of it."""
        _add(self._outcomes, source, outcome)

    def refused(self, source: str, reason: Reason) -> None:
        """Count a request that was not verified."""
        _add(self._reasons, source, reason)

    def matched(self, source: str, secret: int) -> None:
        """Count a verified request by the secret that it was signed with, from 1."""
        _add(self._secrets, source, str(secret))

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as metric families."""
        names = tuple(self._sources())
        outcomes = _from_zero(names, get_args(Outcome), self._outcomes)
        reasons = _from_zero(names, get_args(Reason), self._reasons)
        secrets = _from_zero(names, ("1",), self._secrets)
        yield _counter("nightshift_webhooks", "Webhooks by what became of them.", "outcome", outcomes)
        yield _counter("nightshift_webhooks_refused", "Webhooks that were not verified.", "reason", reasons)
        yield _counter(
            "nightshift_webhooks_verified", "Verified webhooks by the secret that matched.", "secret", secrets
        )


def _from_zero(
    sources: Iterable[str], labels: Iterable[str], counts: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    return dict.fromkeys(product(sources, labels), 0) | dict(counts)


def _add(counts: dict[tuple[str, str], int], source: str, label: str) -> None:
    counts[source, label] = counts.get((source, label), 0) + 1


def _counter(name: str, text: str, label: str, counts: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["source", label])
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family
