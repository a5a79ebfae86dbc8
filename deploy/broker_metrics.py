"""What the brokers know of streams and consumers, as metrics: backlog, age, and how full each queue is."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.broker_state import BrokerState, NoAnswerError

Ask = Callable[[], BrokerState]
"""Asks one broker; raises NoAnswerError."""


def behind(consumer: Mapping[str, Any]) -> int:
    """Count what is not delivered, and the stream's messages from the oldest in flight to the newest delivered.

    A stream that keeps so many messages of each subject drops none before this reaches that number.
    """
    delivered, acknowledged = consumer["delivered"]["stream_seq"], consumer["ack_floor"]["stream_seq"]
    return int(consumer["num_pending"]) + int(delivered) - int(acknowledged)


def _timestamp(stream: Mapping[str, Any]) -> float | None:
    """Return when the oldest message was stored; None when all that a bulk queue holds is done."""
    state = stream["state"]
    is_empty = not state.get("messages") or (_is_bulk(stream) and not _held(stream))
    return None if is_empty else datetime.fromisoformat(state["first_ts"]).timestamp()


def _done(stream: Mapping[str, Any]) -> int | None:
    is_known = _is_bulk(stream) and stream["consumer_detail"]
    return max(0, int(stream["state"]["messages"]) - _held(stream)) if is_known else None


def _held(stream: Mapping[str, Any]) -> int:
    """Count the messages that wait or are in flight."""
    counts = [int(one["num_pending"]) + int(one["num_ack_pending"]) for one in stream["consumer_detail"]]
    return max(counts, default=0)


def _is_bulk(stream: Mapping[str, Any]) -> bool:
    """Return whether it is a queue of jobs to do now from which done ones are removed in bulk."""
    config = stream["config"]
    subjects = config.get("subjects") or [""]
    return bool(config.get("retention") == "limits" and subjects[0].startswith("jobs."))


def _limit(stream: Mapping[str, Any]) -> int | None:
    limit = int(stream["config"].get("max_bytes", -1))
    return limit if limit > 0 else None


_UP = ("nightshift_broker_up", "1 while the broker answers, 0 while it does not.")
_HEALTHY = (
    "nightshift_broker_healthy",
    "1 while the broker says that all its streams work (/healthz), 0 for instance when its disk is full.",
)
_BROKER: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float]], ...] = (
    ("nightshift_broker_storage_bytes", "Bytes that all streams of the broker hold.", lambda answer: answer["storage"]),
    (
        "nightshift_broker_storage_limit_bytes",
        "Bytes at which the broker refuses everything (max_file_store).",
        lambda answer: answer["config"]["max_storage"],
    ),
)
_STREAM: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float | None]], ...] = (
    ("nightshift_stream_messages", "Messages that a stream holds.", lambda stream: stream["state"]["messages"]),
    ("nightshift_stream_bytes", "Bytes that a stream holds.", lambda stream: stream["state"]["bytes"]),
    ("nightshift_stream_limit_bytes", "Bytes at which it is full.", _limit),
    ("nightshift_stream_oldest_timestamp_seconds", "When the oldest message was stored.", _timestamp),
    ("nightshift_stream_done_messages", "Jobs that are done and wait to be removed in bulk.", _done),
)
_STORED = ("nightshift_stream_stored", "Messages that a stream was ever given.")
_CONSUMER: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float]], ...] = (
    ("nightshift_consumer_pending", "Messages that wait for a worker.", lambda consumer: consumer["num_pending"]),
    ("nightshift_consumer_ack_pending", "Messages in flight.", lambda consumer: consumer["num_ack_pending"]),
    ("nightshift_consumer_redelivered", "Of those, delivered before.", lambda consumer: consumer["num_redelivered"]),
    ("nightshift_consumer_behind", "Messages since the oldest unacknowledged one.", behind),
)


class BrokerMetrics(Collector):
    """Collector of what one broker says, or the several of a cluster; each scrape asks all of them at once.

    One that does not answer is a figure and no error: the others know the streams.
    """

    def __init__(self, brokers: Mapping[str, Ask]) -> None:
        self._brokers = brokers
        self._away = frozenset[str]()

    def describe(self) -> Iterable[Metric]:
        """Return nothing: no broker may be there yet when the collector is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Ask the brokers."""
        states = self._states()
        yield _gauge(*_UP, "broker", {name: float(name in states) for name in self._brokers})
        yield _gauge(*_HEALTHY, "broker", {name: float(state.healthy) for name, state in states.items()})
        answers = {name: state.jetstream for name, state in states.items()}
        stores = {name: answer for name, answer in answers.items() if "config" in answer}  # else it has no JetStream
        for metric, text, figure_of in _BROKER:
            yield _gauge(metric, text, "broker", {name: figure_of(answer) for name, answer in stores.items()})
        yield from _of_streams(streams_of(list(answers.values())))

    def _states(self) -> dict[str, BrokerState]:
        with ThreadPoolExecutor(len(self._brokers)) as threads:
            asked = {name: threads.submit(ask) for name, ask in self._brokers.items()}
        states, away = dict[str, BrokerState](), dict[str, NoAnswerError]()
        for name, answer in asked.items():
            try:
                states[name] = answer.result()
            except NoAnswerError as error:
                away[name] = error
        for name in away.keys() - self._away:
            print(f"the broker {name} does not answer: {away[name]}", file=sys.stderr)  # noqa: T201 - its container's log
        self._away = frozenset(away)
        return states


def streams_of(answers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each stream once, with its consumers.

    Every broker tells those of which it has a copy, and only the leader of a stream, or of a consumer, which may be
    another, knows its figures. Where none answers that leads, one that follows has the stream's last ones; what of
    it waits for a consumer it does not know, and nothing is told.
    """
    streams, consumers = dict[str, Mapping[str, Any]](), dict[str, dict[str, Mapping[str, Any]]]()
    for answer in answers:
        for account in answer.get("account_details") or []:
            for stream in account.get("stream_detail") or []:
                if stream["name"] not in streams or _is_leaders(stream):
                    streams[stream["name"]] = stream
                mine = [one for one in stream.get("consumer_detail") or [] if _is_leaders(one)]
                consumers.setdefault(stream["name"], {}).update({one["name"]: one for one in mine})
    return [{**stream, "consumer_detail": list(consumers.get(name, {}).values())} for name, stream in streams.items()]


def _is_leaders(detail: Mapping[str, Any]) -> bool:
    """Return whether the broker that says this leads: to one that follows, the leader is another, or nobody."""
    cluster = detail.get("cluster") or {}
    others = [other["name"] for other in cluster.get("replicas") or []]
    return not others or (bool(cluster.get("leader")) and cluster["leader"] not in others)


def _of_streams(streams: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    for metric, text, value_of in _STREAM:
        values = {stream["name"]: value_of(stream) for stream in streams}
        yield _gauge(metric, text, "stream", {name: value for name, value in values.items() if value is not None})
    stored = CounterMetricFamily(*_STORED, labels=["stream"])
    for stream in streams:
        stored.add_metric([stream["name"]], stream["state"]["last_seq"])
    yield stored
    for metric, text, figure_of in _CONSUMER:
        family = GaugeMetricFamily(metric, text, labels=["stream", "consumer"])
        for stream in streams:
            for consumer in stream["consumer_detail"]:
                family.add_metric([stream["name"], consumer["name"]], figure_of(consumer))
        yield family


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family
