"""What the broker's answer becomes for Prometheus."""

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from deploy.broker_metrics import BrokerMetrics
from deploy.broker_state import BrokerState, NoAnswerError, ask
from deploy.exporter import listen, main
from nightshift.embedded.processes.ports import free_ports

ANSWER: dict[str, Any] = {
    "storage": 900,
    "config": {"max_memory": 1, "max_storage": 9000},
    "account_details": [
        {
            "stream_detail": [
                {
                    "name": "EMAIL",
                    "config": {"max_bytes": 1073741824},
                    "state": {"messages": 7, "bytes": 900, "first_ts": "2026-03-01T12:00:00.5Z", "last_seq": 41},
                    "consumer_detail": [
                        {
                            "name": "email",
                            "num_pending": 4,
                            "num_ack_pending": 3,
                            "num_redelivered": 1,
                            "delivered": {"consumer_seq": 30, "stream_seq": 41},
                            "ack_floor": {"consumer_seq": 20, "stream_seq": 31},
                        }
                    ],
                },
                {
                    "name": "EMAIL_LATER",
                    "config": {"max_bytes": -1},
                    "state": {"messages": 0, "bytes": 0, "first_ts": "0001-01-01T00:00:00Z", "last_seq": 3},
                },
            ]
        }
    ],
}


BULK: dict[str, Any] = {"retention": "limits", "subjects": ["jobs.email.>"], "max_bytes": 1073741824}
"""The configuration of a queue from which done jobs are removed in bulk."""


def exposed(answer: dict[str, Any]) -> list[str]:
    """The lines of a scrape, without their descriptions."""
    registry = CollectorRegistry()
    registry.register(BrokerMetrics({"nats:8222": lambda: BrokerState(answer)}))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_streams_and_consumers_are_shown() -> None:
    """Messages, bytes, limit, age; what waits and what is in hand."""
    assert exposed(ANSWER) == [
        'nightshift_broker_up{broker="nats:8222"} 1.0',
        'nightshift_broker_healthy{broker="nats:8222"} 1.0',
        'nightshift_broker_storage_bytes{broker="nats:8222"} 900.0',
        'nightshift_broker_storage_limit_bytes{broker="nats:8222"} 9000.0',
        'nightshift_stream_messages{stream="EMAIL"} 7.0',
        'nightshift_stream_messages{stream="EMAIL_LATER"} 0.0',
        'nightshift_stream_bytes{stream="EMAIL"} 900.0',
        'nightshift_stream_bytes{stream="EMAIL_LATER"} 0.0',
        'nightshift_stream_limit_bytes{stream="EMAIL"} 1.073741824e+09',
        'nightshift_stream_oldest_timestamp_seconds{stream="EMAIL"} 1.7723664005e+09',
        'nightshift_stream_stored_total{stream="EMAIL"} 41.0',
        'nightshift_stream_stored_total{stream="EMAIL_LATER"} 3.0',
        'nightshift_consumer_pending{consumer="email",stream="EMAIL"} 4.0',
        'nightshift_consumer_ack_pending{consumer="email",stream="EMAIL"} 3.0',
        'nightshift_consumer_redelivered{consumer="email",stream="EMAIL"} 1.0',
        'nightshift_consumer_behind{consumer="email",stream="EMAIL"} 14.0',
    ]


@pytest.mark.parametrize("answer", [{}, {"account_details": None}, {"account_details": [{"stream_detail": None}]}])
def test_a_broker_without_streams_is_no_error(answer: dict[str, Any]) -> None:
    """Before `provision` there is nothing to show of them."""
    assert exposed(answer) == [
        'nightshift_broker_up{broker="nats:8222"} 1.0',
        'nightshift_broker_healthy{broker="nats:8222"} 1.0',
    ]


def test_nanoseconds_are_understood() -> None:
    """The broker writes nine digits, and its clock may have a zone."""
    answer = {
        "account_details": [
            {
                "stream_detail": [
                    {
                        "name": "SYNC",
                        "config": {},
                        "state": {
                            "messages": 1,
                            "bytes": 1,
                            "first_ts": "2026-03-01T13:00:00.123456789+01:00",
                            "last_seq": 1,
                        },
                    }
                ]
            }
        ]
    }
    assert 'nightshift_stream_oldest_timestamp_seconds{stream="SYNC"} 1.772366400123456e+09' in exposed(answer)


class _Broker(BaseHTTPRequestHandler):
    """Answers as the broker's monitoring port does."""

    def do_GET(self) -> None:
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Write nothing."""


def test_a_proxy_of_the_environment_is_not_asked_for_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker gives each container the proxies of its configuration; the broker is not behind them."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Broker) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert ask(f"http://127.0.0.1:{server.server_port}") == BrokerState(ANSWER)
        server.shutdown()
        thread.join()


def test_it_is_scraped_over_ipv6_and_ipv4() -> None:
    """On whichever the machine has."""
    (port,) = free_ports(1)
    served = listen(port, CollectorRegistry())
    try:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, port), timeout=5) as connection:
                connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                assert b" 200 " in connection.recv(100)
    finally:
        served[0].shutdown()
        served[0].server_close()
        served[1].join()


def bulk(messages: int, pending: int) -> list[str]:
    """The lines of a bulk queue's stream."""
    state = {"messages": messages, "bytes": 900, "first_ts": "2026-03-01T12:00:00.5Z", "last_seq": 41}
    (email, *_) = ANSWER["account_details"][0]["stream_detail"]
    consumer = {**email["consumer_detail"][0], "num_pending": pending, "num_ack_pending": 0}
    stream = {**email, "config": BULK, "state": state, "consumer_detail": [consumer]}
    return exposed({"account_details": [{"stream_detail": [stream]}]})


def test_done_jobs_of_a_bulk_queue_are_told_from_those_that_wait() -> None:
    """They are removed a moment later, and are no backlog."""
    assert 'nightshift_stream_done_messages{stream="EMAIL"} 5.0' in bulk(7, 2)
    assert any(line.startswith("nightshift_stream_oldest") for line in bulk(7, 2))
    assert not any("done_messages" in line for line in exposed(ANSWER))


def test_a_bulk_queue_with_nothing_but_done_jobs_has_no_oldest_one() -> None:
    """Where all workers have ended nobody removes them, and nobody waits for them."""
    assert not any(line.startswith("nightshift_stream_oldest") for line in bulk(7, 0))


def stream_of(name: str, leader: str, followers: list[str], messages: int) -> dict[str, Any]:
    """What one broker says of a stream with three copies."""
    (email, *_) = ANSWER["account_details"][0]["stream_detail"]
    cluster = {"name": "nightshift", "leader": leader, "replicas": [{"name": one} for one in followers]}
    return {**email, "name": name, "state": {**email["state"], "messages": messages}, "cluster": cluster}


def says(*streams: dict[str, Any], healthy: bool = True) -> Callable[[], BrokerState]:
    """A broker that answers with these streams."""
    return lambda: BrokerState({"account_details": [{"stream_detail": list(streams)}]}, healthy=healthy)


def away() -> BrokerState:
    """A broker that is not there."""
    raise NoAnswerError("Connection refused")


def lines_of(brokers: dict[str, Callable[[], BrokerState]], metric: str) -> list[str]:
    """The lines of one metric."""
    registry = CollectorRegistry()
    registry.register(BrokerMetrics(brokers))
    return [line for line in generate_latest(registry).decode().splitlines() if line.startswith(f"{metric}{{")]


def test_the_leader_of_a_stream_says_how_much_it_holds() -> None:
    """To a broker that follows, the leader is one of the others; what it knows may be old."""
    brokers = {
        "nats-2:8222": says(stream_of("EMAIL", "nats-1", ["nats-1", "nats-3"], 5)),
        "nats-1:8222": says(stream_of("EMAIL", "nats-1", ["nats-2", "nats-3"], 7)),
        "nats-3:8222": says(stream_of("EMAIL", "nats-1", ["nats-1", "nats-2"], 6)),
    }
    assert lines_of(brokers, "nightshift_stream_messages") == ['nightshift_stream_messages{stream="EMAIL"} 7.0']


def test_each_consumer_is_told_by_its_own_leader() -> None:
    """Which need not be that of its stream."""
    mine, others = (stream_of("EMAIL", "nats-1", others, 7) for others in (["nats-2"], ["nats-1"]))
    follower, leader = ({**mine["consumer_detail"][0], "num_pending": count} for count in (0, 4))
    follower["cluster"] = {"leader": "nats-2", "replicas": [{"name": "nats-2"}]}
    leader["cluster"] = {"leader": "nats-2", "replicas": [{"name": "nats-1"}]}
    brokers = {
        "nats-1:8222": says(mine | {"consumer_detail": [follower]}),
        "nats-2:8222": says(others | {"consumer_detail": [leader]}),
    }
    assert lines_of(brokers, "nightshift_consumer_pending")[0].endswith(" 4.0")


def test_a_broker_that_is_away_takes_no_figures_along(capsys: pytest.CaptureFixture[str]) -> None:
    """Streams on the others are told by them, also where nobody leads at the moment; the log names it, once."""
    brokers = {"nats:8222": away, "nats-2:8222": says(stream_of("EMAIL", "", ["nats", "nats-3"], 5), healthy=False)}
    assert lines_of(brokers, "nightshift_broker_up") == [
        'nightshift_broker_up{broker="nats:8222"} 0.0',
        'nightshift_broker_up{broker="nats-2:8222"} 1.0',
    ]
    assert lines_of(brokers, "nightshift_broker_healthy") == ['nightshift_broker_healthy{broker="nats-2:8222"} 0.0']
    assert lines_of(brokers, "nightshift_stream_messages") == ['nightshift_stream_messages{stream="EMAIL"} 5.0']
    capsys.readouterr()
    metrics = BrokerMetrics(brokers)
    for _ in range(3):
        list(metrics.collect())
    assert capsys.readouterr().err == "the broker nats:8222 does not answer: Connection refused\n"


def test_without_any_broker_a_scrape_is_answered() -> None:
    """`nightshift_broker_up` says it all: the exporter itself is well."""
    assert lines_of({"nats:8222": away}, "nightshift_broker_up") == ['nightshift_broker_up{broker="nats:8222"} 0.0']


def test_nobody_at_the_address_is_a_broker_that_is_away() -> None:
    """So is a program that speaks something else."""
    (port,) = free_ports(1)
    with pytest.raises(NoAnswerError, match="refused"):
        ask(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["nats:8222", "nats://nats:4222", "http://"])
def test_what_is_no_address_of_a_monitoring_port_is_told(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is served."""
    with pytest.raises(SystemExit):
        main([address])
    assert "such as http://nats:8222" in capsys.readouterr().err
