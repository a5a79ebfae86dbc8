"""What the broker's answer becomes for Prometheus."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from deploy.exporter import Streams

ANSWER: dict[str, Any] = {
    "account_details": [
        {
            "stream_detail": [
                {
                    "name": "EMAIL",
                    "config": {"max_bytes": 1073741824},
                    "state": {"messages": 7, "bytes": 900, "first_ts": "2026-03-01T12:00:00.5Z"},
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
                    "state": {"messages": 0, "bytes": 0, "first_ts": "0001-01-01T00:00:00Z"},
                },
            ]
        }
    ]
}


def exposed(answer: dict[str, Any]) -> list[str]:
    """The lines of a scrape, without their descriptions."""
    registry = CollectorRegistry()
    registry.register(Streams(lambda: answer))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_streams_and_consumers_are_shown() -> None:
    """Messages, bytes, limit, age; what waits and what is in hand."""
    assert exposed(ANSWER) == [
        'nightshift_stream_messages{stream="EMAIL"} 7.0',
        'nightshift_stream_messages{stream="EMAIL_LATER"} 0.0',
        'nightshift_stream_bytes{stream="EMAIL"} 900.0',
        'nightshift_stream_bytes{stream="EMAIL_LATER"} 0.0',
        'nightshift_stream_limit_bytes{stream="EMAIL"} 1.073741824e+09',
        'nightshift_stream_oldest_timestamp_seconds{stream="EMAIL"} 1.7723664005e+09',
        'nightshift_consumer_pending{consumer="email",stream="EMAIL"} 4.0',
        'nightshift_consumer_ack_pending{consumer="email",stream="EMAIL"} 3.0',
        'nightshift_consumer_redelivered{consumer="email",stream="EMAIL"} 1.0',
        'nightshift_consumer_behind{consumer="email",stream="EMAIL"} 14.0',
    ]


@pytest.mark.parametrize("answer", [{}, {"account_details": None}, {"account_details": [{"stream_detail": None}]}])
def test_a_broker_without_streams_is_no_error(answer: dict[str, Any]) -> None:
    """Before `provision` there is nothing to show."""
    assert exposed(answer) == []


def test_nanoseconds_are_understood() -> None:
    """The broker writes nine digits, and its clock may have a zone."""
    answer = {
        "account_details": [
            {
                "stream_detail": [
                    {
                        "name": "SYNC",
                        "config": {},
                        "state": {"messages": 1, "bytes": 1, "first_ts": "2026-03-01T13:00:00.123456789+01:00"},
                    }
                ]
            }
        ]
    }
    assert 'nightshift_stream_oldest_timestamp_seconds{stream="SYNC"} 1.772366400123456e+09' in exposed(answer)
