"""Export the broker's streams and consumers to Prometheus: backlog, age, and how full each queue is.

The workers cannot tell that if none is running. Every scrape asks the broker's monitoring port.
"""

import argparse
import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nightshift.config.version_option import add_version
from nightshift.runtime.dual_stack import ANYWHERE, ANYWHERE_IPV4, NO_IPV6

_PATH = "/jsz?accounts=true&streams=true&consumers=true&config=true"
_TIMEOUT_SECONDS = 4.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The broker is in our own network: a proxy of the environment, which Docker may set everywhere, cannot reach it."""

Read = Callable[[], Mapping[str, Any]]
"""Returns the broker's answer to `/jsz`, with all streams and consumers."""


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
    return max(0, int(stream["state"]["messages"]) - _held(stream)) if _is_bulk(stream) else None


def _held(stream: Mapping[str, Any]) -> int:
    """Count the messages that wait or are in flight."""
    consumers = stream.get("consumer_detail") or []
    return max((int(one["num_pending"]) + int(one["num_ack_pending"]) for one in consumers), default=0)


def _is_bulk(stream: Mapping[str, Any]) -> bool:
    """Return whether it is a queue of jobs to do now from which done ones are removed in bulk."""
    config = stream["config"]
    subjects = config.get("subjects") or [""]
    return bool(config.get("retention") == "limits" and subjects[0].startswith("jobs."))


_STREAM = (
    ("nightshift_stream_messages", "Messages that a stream holds.", lambda stream: stream["state"]["messages"]),
    ("nightshift_stream_bytes", "Bytes that a stream holds.", lambda stream: stream["state"]["bytes"]),
    ("nightshift_stream_limit_bytes", "Bytes at which it is full.", lambda stream: _limit(stream["config"])),
    (
        "nightshift_stream_oldest_timestamp_seconds",
        "When the oldest message was stored.",
        _timestamp,
    ),
    (
        "nightshift_stream_done_messages",
        "Jobs that are done and wait to be removed in bulk.",
        _done,
    ),
)
_BROKER: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float]], ...] = (
    ("nightshift_broker_storage_bytes", "Bytes that all streams of the broker hold.", lambda answer: answer["storage"]),
    (
        "nightshift_broker_storage_limit_bytes",
        "Bytes at which the broker refuses everything (max_file_store).",
        lambda answer: answer["config"]["max_storage"],
    ),
)
_STORED = "nightshift_stream_stored"
_CONSUMER = (
    ("nightshift_consumer_pending", "Messages that wait for a worker.", lambda consumer: consumer["num_pending"]),
    ("nightshift_consumer_ack_pending", "Messages in flight.", lambda consumer: consumer["num_ack_pending"]),
    ("nightshift_consumer_redelivered", "Of those, delivered before.", lambda consumer: consumer["num_redelivered"]),
    ("nightshift_consumer_behind", "Messages since the oldest unacknowledged one.", behind),
)


class Streams(Collector):
    """Collector of the metrics in the broker's answer."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the broker may not be there yet when the collector is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Ask the broker. An error fails the scrape, which Prometheus shows as `up` = 0."""
        answer = self._read()
        accounts = answer.get("account_details") or []
        streams = [stream for account in accounts for stream in account.get("stream_detail") or []]
        for name, text, figure_of in _BROKER:
            family = GaugeMetricFamily(name, text)
            if "config" in answer:  # else JetStream is not switched on
                family.add_metric([], figure_of(answer))
            yield family
        for name, text, value_of in _STREAM:
            family = GaugeMetricFamily(name, text, labels=["stream"])
            for stream in streams:
                value = value_of(stream)
                if value is not None:
                    family.add_metric([stream["name"]], value)
            yield family
        stored = CounterMetricFamily(_STORED, "Messages that a stream was ever given.", labels=["stream"])
        for stream in streams:
            stored.add_metric([stream["name"]], stream["state"]["last_seq"])
        yield stored
        for name, text, value_of in _CONSUMER:
            family = GaugeMetricFamily(name, text, labels=["stream", "consumer"])
            for stream in streams:
                for consumer in stream.get("consumer_detail") or []:
                    family.add_metric([stream["name"], consumer["name"]], value_of(consumer))
            yield family


class Health(Collector):
    """Collector of the broker's own word on whether it can store: false after its disk was full."""

    def __init__(self, healthy: Callable[[], bool]) -> None:
        self._healthy = healthy

    def describe(self) -> Iterable[Metric]:
        """Return nothing, as above."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Ask the broker."""
        text = "1 while the broker says that all its streams work (/healthz), 0 for instance when its disk is full."
        yield GaugeMetricFamily("nightshift_broker_healthy", text, float(self._healthy()))


def _limit(config: Mapping[str, Any]) -> int | None:
    limit = int(config.get("max_bytes", -1))
    return limit if limit > 0 else None


def reader(url: str) -> Read:
    """Return a reader of a broker's monitoring port, `http://nats:8222`."""

    def read() -> Mapping[str, Any]:
        with _DIRECT.open(url.rstrip("/") + _PATH, timeout=_TIMEOUT_SECONDS) as answer:
            return dict(json.load(answer))

    return read


def health(url: str) -> Callable[[], bool]:
    """Return what asks a broker's monitoring port whether it is healthy."""

    def healthy() -> bool:
        try:
            with _DIRECT.open(url.rstrip("/") + "/healthz", timeout=_TIMEOUT_SECONDS):
                return True
        except urllib.error.HTTPError:
            return False

    return healthy


def listen(port: int, registry: CollectorRegistry) -> tuple[WSGIServer, threading.Thread]:
    """Serve /metrics on all addresses, IPv6 as well as IPv4, on a machine that has one of them or both."""
    try:
        return start_http_server(port, addr=ANYWHERE, registry=registry)
    except OSError as error:
        if error.errno not in NO_IPV6:
            raise
        return start_http_server(port, addr=ANYWHERE_IPV4, registry=registry)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line, until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.exporter",
        description="Export a broker's streams and consumers to Prometheus.",
        epilog="example: python -m deploy.exporter http://nats:8222",
    )
    add_version(parser)
    parser.add_argument("url", help="the broker's monitoring port")
    parser.add_argument("--port", type=int, default=8080, help="where /metrics is served (default: 8080)")
    options = parser.parse_args(arguments)
    registry = CollectorRegistry()
    registry.register(Streams(reader(options.url)))
    registry.register(Health(health(options.url)))
    listen(options.port, registry)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
