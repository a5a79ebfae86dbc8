"""What a broker says of itself on its monitoring port, `http://nats:8222`."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

import msgspec

_PATH = "/jsz?accounts=true&streams=true&consumers=true&config=true"
_TIMEOUT_SECONDS = 4.0
"""Below Prometheus' patience with a scrape (`scrape_timeout`), which asks all brokers at once."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The broker is in our own network: a proxy of the environment, which Docker may set everywhere, cannot reach it."""


class NoAnswerError(Exception):
    """The broker is away, or what answers is none; the text says what was seen."""


class BrokerState(msgspec.Struct, frozen=True):
    """One answer of one broker."""

    jetstream: Mapping[str, Any]
    """Its streams and consumers: those of which it has a copy."""
    healthy: bool = True
    """Its own word on whether it can store: false for instance after its disk was full."""


def ask(url: str) -> BrokerState:
    """Ask the monitoring port at this address.

    Raises:
        NoAnswerError: the broker is away.
    """
    try:
        return BrokerState(_jetstream(url), healthy=is_healthy(url))
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswerError(str(error) or type(error).__name__) from error


def is_healthy(url: str) -> bool:
    """Return what the broker says of itself (`/healthz`).

    Raises:
        OSError, HTTPException: it does not answer.
    """
    try:
        with _DIRECT.open(url.rstrip("/") + "/healthz", timeout=_TIMEOUT_SECONDS):
            return True
    except urllib.error.HTTPError as unhealthy:
        with unhealthy:
            return False


def _jetstream(url: str) -> Mapping[str, Any]:
    with _DIRECT.open(url.rstrip("/") + _PATH, timeout=_TIMEOUT_SECONDS) as answer:
        return dict(json.load(answer))
