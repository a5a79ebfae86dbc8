"""Metrics: stable names, bounded labels, exact numbers."""

import itertools
import time
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from nightshift.observability.histogram import Histogram
from nightshift.observability.metrics import Metrics, OutboxShare


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a service with two job types, without those of the process."""
    return Metrics(["email.send", "email.digest"], registry=CollectorRegistry())


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample's value, or None if there is no such series."""
    return metrics.registry.get_sample_value(name, labels)


def test_a_job_is_counted_by_type_and_outcome(metrics: Metrics) -> None:
    """Counters, histograms and the gauge of jobs in flight follow a job's life."""
    metrics.jobs_started("email.send", [0.2])
    metrics.jobs_started("email.send", [7.0])
    assert value(metrics, "nightshift_jobs_in_flight") == 2
    metrics.jobs_finished("email.send", "done", [0.03])
    assert value(metrics, "nightshift_jobs_in_flight") == 1
    assert value(metrics, "nightshift_jobs_total", type="email.send", outcome="done") == 1
    assert value(metrics, "nightshift_job_duration_seconds_count", type="email.send") == 1
    assert value(metrics, "nightshift_job_duration_seconds_sum", type="email.send") == 0.03
    assert value(metrics, "nightshift_job_duration_seconds_bucket", type="email.send", le="0.025") == 0
    assert value(metrics, "nightshift_job_duration_seconds_bucket", type="email.send", le="0.05") == 1
    assert value(metrics, "nightshift_job_wait_seconds_bucket", type="email.send", le="5.0") == 1
    assert value(metrics, "nightshift_job_wait_seconds_bucket", type="email.send", le="+Inf") == 2


def test_a_type_off_the_wire_makes_no_series(metrics: Metrics) -> None:
    """However many types strangers invent, they are all `unknown`."""
    for number in range(100):
        metrics.jobs_started(f"invented.{number}", [0.1])
        metrics.jobs_finished(f"invented.{number}", "dead", [0.1])
        metrics.retried(f"invented.{number}")
        metrics.dead_lettered(f"invented.{number}", f"invented-{number}")
    text, _ = metrics.exposition()
    assert b"invented" not in text
    assert value(metrics, "nightshift_jobs_total", type="unknown", outcome="dead") == 100
    assert value(metrics, "nightshift_retries_total", type="unknown") == 100
    assert value(metrics, "nightshift_dead_letters_total", type="unknown", reason="unknown") == 100


def test_dead_letters_are_counted_from_zero(metrics: Metrics) -> None:
    """An alarm on a rise sees the first dead letter, because the series was there before."""
    assert value(metrics, "nightshift_dead_letters_total", type="email.send", reason="permanent") == 0
    metrics.dead_lettered("email.send", "permanent")
    assert value(metrics, "nightshift_dead_letters_total", type="email.send", reason="permanent") == 1
    assert value(metrics, "nightshift_retries_total", type="email.digest") == 0


def test_the_pull_has_one_state_at_a_time(metrics: Metrics) -> None:
    """Each stream shows 1 for its state and 0 for the others; a state that does not exist is a mistake of ours."""
    metrics.pull_state("EMAIL", "pulling")
    metrics.pull_state("EMAIL", "paused")
    metrics.pull_activity("EMAIL", 1_795_511_193.5)
    assert value(metrics, "nightshift_pull_state", stream="EMAIL", state="paused") == 1
    assert value(metrics, "nightshift_pull_state", stream="EMAIL", state="pulling") == 0
    assert value(metrics, "nightshift_pull_last_activity_timestamp_seconds", stream="EMAIL") == 1_795_511_193.5
    with pytest.raises(ValueError, match="expected one of pulling, paused, disconnected, stopped"):
        metrics.pull_state("EMAIL", "resting")


def test_an_open_circuit_shows(metrics: Metrics) -> None:
    """What the jobs wait for is visible, and that it is over too."""
    metrics.circuit("database", is_open=True)
    assert value(metrics, "nightshift_circuit_open", component="database") == 1
    metrics.circuit("database", is_open=False)
    assert value(metrics, "nightshift_circuit_open", component="database") == 0


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])
def test_the_exposition_is_valid(metrics: Metrics, accept: str) -> None:
    """Prometheus can parse it, in its old and its new format; names are as documented."""
    metrics.jobs_started("email.send", [0.1])
    metrics.jobs_finished("email.send", "done", [0.1])
    text, content_type = metrics.exposition(accept)
    assert content_type.startswith("application/openmetrics-text" if accept else "text/plain")
    if not accept:
        assert {family.name for family in text_string_to_metric_families(text.decode())} == {
            "nightshift_jobs",
            "nightshift_job_duration_seconds",
            "nightshift_job_wait_seconds",
            "nightshift_jobs_in_flight",
            "nightshift_retries",
            "nightshift_dead_letters",
            "nightshift_pull_state",
            "nightshift_queue_held_seconds",
            "nightshift_pull_last_activity_timestamp_seconds",
            "nightshift_circuit_open",
            "nightshift_outbox_rows",
            "nightshift_outbox_oldest_seconds",
        }


def test_two_sets_of_metrics_do_not_meet() -> None:
    """Nothing is global: each process, or test, has its own numbers, with the process's own figures."""
    first, second = Metrics(["a.b"]), Metrics(["a.b"])
    first.retried("a.b")
    assert value(first, "nightshift_retries_total", type="a.b") == 1
    assert value(second, "nightshift_retries_total", type="a.b") == 0
    assert b"python_info" in first.exposition()[0]


def test_a_negative_wait_counts_as_none() -> None:
    """Two machines' clocks differ: a job can start before it was published, and the sum stays a sum of times."""
    histogram = Histogram()
    histogram.observe(-5.0)
    buckets, total_seconds = histogram.snapshot()
    assert (buckets[0], total_seconds) == (("0.001", 1.0), 0.0)


def test_a_bound_belongs_to_its_bucket() -> None:
    """Prometheus' buckets are `less or equal`; what is beyond the last bound is in +Inf."""
    histogram = Histogram()
    for seconds in (1.0, 1.001, 1e9):
        histogram.observe(seconds)
    buckets = dict(histogram.snapshot()[0])
    assert (buckets["1.0"], buckets["2.5"], buckets["3600.0"], buckets["+Inf"]) == (1, 2, 2, 3)


@pytest.mark.parametrize("family", [CounterMetricFamily, GaugeMetricFamily])
def test_a_scrape_while_jobs_run_does_not_fail(
    metrics: Metrics, family: type[CounterMetricFamily | GaugeMetricFamily], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The health thread reads what the loop writes: new outcomes, reasons and streams may appear at any point."""
    add_metric = family.add_metric
    numbers = itertools.count()

    def meanwhile(self: Any, *args: Any, **kwargs: Any) -> None:
        number = next(numbers)
        metrics.jobs_finished("email.send", f"outcome-{number}", [0.1])
        metrics.dead_lettered("email.send", f"reason-{number}")
        metrics.pull_state(f"S{number}", "pulling")
        metrics.pull_activity(f"S{number}", 1.0)
        metrics.circuit(f"C{number}", is_open=True)
        add_metric(self, *args, **kwargs)

    metrics.jobs_finished("email.send", "done", [0.1])
    metrics.pull_state("EMAIL", "pulling")
    metrics.pull_activity("EMAIL", 1.0)
    metrics.circuit("database", is_open=True)
    monkeypatch.setattr(family, "add_metric", meanwhile)
    metrics.exposition()
    assert next(numbers) > 3


def test_the_outbox_is_shown_by_who_wrote_and_who_publishes(metrics: Metrics) -> None:
    """What a service itself writes and publishes also while there is nothing; how old it is grows between two looks."""
    metrics.outbox(
        "email", [OutboxShare("sql", "email", 3, time.time() - 60), OutboxShare("gateway", "", 1, time.time())]
    )
    value = metrics.registry.get_sample_value
    waiting = {"written_by": "sql", "queue": "email"}
    assert value("nightshift_outbox_rows", waiting) == 3
    assert 59 < (value("nightshift_outbox_oldest_seconds", waiting) or 0) < 120
    assert value("nightshift_outbox_rows", {"written_by": "gateway", "queue": ""}) == 1
    assert value("nightshift_outbox_oldest_seconds", {"written_by": "email", "queue": ""}) == 0
    metrics.outbox("email", [])
    assert value("nightshift_outbox_rows", waiting) == 0
