"""Provisioning: creates or updates the broker's streams and consumers as declared, or names the differences."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from nightshift.broker import BrokerRefusedError, BrokerTooOldError, Connection
from nightshift.broker.jetstream import manage
from nightshift.topology.topology import Consumer, Stream, Topology

MIN_BROKER = (2, 14)
"""The first with message schedules as we use them; 2.12.3 and 2.12.4 lose messages of work queues."""
_VERSION = re.compile(r"v?(\d{1,9})\.(\d{1,9})\b")
_NOT_FOUND = frozenset({10059, 10014})
"""Stream not found, consumer not found."""


def check_version(version: str) -> None:
    """Refuse a broker that is too old, or does not tell its version.

    Raises:
        BrokerTooOldError: says which is needed, and why.
    """
    match = _VERSION.match(version)
    if match is None or (int(match[1]), int(match[2])) < MIN_BROKER:
        raise BrokerTooOldError(
            f"the broker is nats-server {version or 'of an unknown version'}; "
            "2.14 or later is needed (message schedules), 2.15 is recommended: update it"
        )


async def provision_broker(connection: Connection, wanted: Topology, *, replicas: int = 1) -> list[str]:
    """Create or update streams and consumers; return what was done, one line each.

    Raises:
        BrokerTooOldError: the broker lacks what the topology needs.
        BrokerRefusedError: a stream or consumer cannot be made so; those before it are done.
        Unavailable: the broker is unavailable.
    """
    check_version(str(connection.server_info.get("version", "")))
    done = [await _ensure_stream(connection, stream, replicas) for stream in wanted.streams]
    done += [await _ensure_consumer(connection, consumer) for consumer in wanted.consumers]
    return [line for line in done if line]


async def differences(connection: Connection, wanted: Topology, *, replicas: int = 1) -> list[str]:
    """Compare the broker with the declared topology and change nothing; return one line for each difference.

    Raises:
        Unavailable: the broker is unavailable.
    """
    return [line async for line in _differences(connection, wanted, replicas)]


async def _differences(connection: Connection, wanted: Topology, replicas: int) -> AsyncIterator[str]:
    for stream in wanted.streams:
        current = await _find(connection, f"STREAM.INFO.{stream.name}")
        for line in _compare(stream.config(replicas), current):
            yield f"stream {stream.name}{line}"
    for consumer in wanted.consumers:
        current = await _find(connection, f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
        for line in _compare(consumer.config(), current):
            yield f"consumer {consumer.name} on {consumer.stream}{line}"


async def _ensure_stream(connection: Connection, stream: Stream, replicas: int) -> str:
    config = stream.config(replicas)
    current = await _find(connection, f"STREAM.INFO.{stream.name}")
    if current is None:
        await manage(connection, f"STREAM.CREATE.{stream.name}", config)
        return f"stream {stream.name} created"
    changes = _compare(config, current)
    if not changes:
        return ""
    await manage(connection, f"STREAM.UPDATE.{stream.name}", {**current, **config})
    return f"stream {stream.name} updated{';'.join(changes)}"


async def _ensure_consumer(connection: Connection, consumer: Consumer) -> str:
    current = await _find(connection, f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
    config = consumer.config()
    changes = _compare(config, current)
    if not changes:
        return ""
    subject = f"CONSUMER.CREATE.{consumer.stream}.{consumer.name}.{consumer.filter}"
    await manage(connection, subject, {"stream_name": consumer.stream, "config": {**(current or {}), **config}})
    return f"consumer {consumer.name} on {consumer.stream} " + (f"updated{';'.join(changes)}" if current else "created")


async def _find(connection: Connection, call: str) -> dict[str, Any] | None:
    try:
        answer = await manage(connection, call)
    except BrokerRefusedError as refused:
        if refused.code in _NOT_FOUND:
            return None
        raise
    config: dict[str, Any] = answer["config"]
    return config


def _compare(wanted: Mapping[str, Any], current: Mapping[str, Any] | None) -> list[str]:
    """Describe each difference; the broker leaves out fields that are false."""
    if current is None:
        return [" does not exist"]
    return [
        f": {name} is {current.get(name, False)!r}, declared {value!r}"
        for name, value in wanted.items()
        if current.get(name, False) != value
    ]
