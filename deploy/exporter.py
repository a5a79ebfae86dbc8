"""Export the brokers' streams and consumers to Prometheus: backlog, age, and how full each queue is.

The workers cannot tell that if none is running. Every scrape asks the brokers' monitoring ports.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from deploy.broker_metrics import BrokerMetrics
from deploy.broker_state import ask
from nightshift.config.version_option import add_version
from nightshift.runtime.dual_stack import ANYWHERE, ANYWHERE_IPV4, NO_IPV6


def listen(port: int, registry: CollectorRegistry) -> tuple[WSGIServer, threading.Thread]:
    """Serve /metrics on all addresses, IPv6 as well as IPv4, on a machine that has one of them or both."""
    try:
        return start_http_server(port, addr=ANYWHERE, registry=registry)
    except OSError as error:
        if error.errno not in NO_IPV6:
            raise
        return start_http_server(port, addr=ANYWHERE_IPV4, registry=registry)


def _monitoring_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text} is no address of a monitoring port, such as http://nats:8222")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line, until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.exporter",
        description="Export the streams and consumers of a broker, or of a cluster, to Prometheus. Of a cluster, name "
        "every broker: each knows the figures of what it leads.",
        epilog="example: python -m deploy.exporter http://nats:8222 http://nats-2:8222 http://nats-3:8222",
    )
    add_version(parser)
    parser.add_argument("urls", nargs="+", type=_monitoring_url, metavar="URL", help="a broker's monitoring port")
    parser.add_argument("--port", type=int, default=8080, help="where /metrics is served (default: 8080)")
    options = parser.parse_args(arguments)
    registry = CollectorRegistry()
    registry.register(BrokerMetrics({urlsplit(url).netloc: partial(ask, url) for url in options.urls}))
    listen(options.port, registry)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
