"""Provisioning: creates or updates the broker's streams and consumers as declared, or names the differences."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from nightshift.broker import BrokerRefusedError, BrokerTooOldError, Connection
from nightshift.broker.jetstream import CHANGE_SECONDS, manage
from nightshift.topology import bulk_queue, remaking
from nightshift.topology.consumer import Consumer
from nightshift.topology.stream_changes import apply
from nightshift.topology.topology import Stream, Topology

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
    queues = {consumer.stream: consumer for consumer in wanted.consumers if bulk_queue.is_queue(consumer)}
    done = list[str]()
    for stream in wanted.streams:
        queue = queues.get(stream.name)
        done += await (_ensure_stream if queue is None else partial(_ensure_queue, queue))(connection, stream, replicas)
    for consumer in wanted.consumers:
        done += await _ensure_consumer(connection, consumer)
    return done


async def differences(connection: Connection, wanted: Topology, *, replicas: int = 1) -> list[str]:
    """Compare the broker with the declared topology and change nothing; return one line for each difference.

    Raises:
        Unavailable: the broker is unavailable.
    """
    return [line async for line in _differences(connection, wanted, replicas)]


async def _differences(connection: Connection, wanted: Topology, replicas: int) -> AsyncIterator[str]:
    for stream in wanted.streams:
        current = await _find(connection, f"STREAM.INFO.{stream.name}")
        for line in _compare(_config(stream, replicas, current), current):
            yield f"stream {stream.name}{line}"
    for consumer in wanted.consumers:
        current = await _find(connection, f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
        for line in _compare(consumer.config(), current):
            yield f"consumer {consumer.name} on {consumer.stream}{line}"


def _config(stream: Stream, replicas: int, current: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the configuration that a stream should have; in a cluster a queue keeps its kind, whichever it is.

    There the broker removes jobs in groups anyway.
    """
    config = stream.config(replicas)
    if stream.is_queue and max(replicas, current["num_replicas"] if current else 1) > 1:
        config["retention"] = current["retention"] if current else "workqueue"
    return config


async def _ensure_queue(consumer: Consumer, connection: Connection, stream: Stream, replicas: int) -> list[str]:
    """Create or update a queue of jobs to do now; make it anew where it is of the other kind and empty."""
    await remaking.settle(connection, consumer)
    current = await _find(connection, f"STREAM.INFO.{stream.name}")
    config = _config(stream, replicas, current)
    if current is None and bulk_queue.is_bulk(config):
        await remaking.create(connection, stream.name, config)
        return [f"stream {stream.name} created, to be emptied in bulk"]
    if current is None or current["retention"] == config["retention"]:
        return await _ensure_stream(connection, stream, replicas)
    return await _ensure_kind(consumer, connection, config, current)


async def _ensure_kind(
    consumer: Consumer, connection: Connection, config: Mapping[str, Any], current: Mapping[str, Any]
) -> list[str]:
    name, how = config["name"], "in bulk" if bulk_queue.is_bulk(config) else "one by one"
    try:
        await remaking.remake(connection, consumer, config)
    except remaking.OthersTurnError:
        await remaking.settle(connection, consumer)
        await remaking.create(connection, name, config)
        return []
    except remaking.NotNowError as reason:
        stays = {**config, "retention": current["retention"]}
        return [
            *await _update(connection, name, stays, current),
            f"stream {name} is not yet emptied {how}, because {reason}: run this again when it is empty",
        ]
    return [f"stream {name} made anew, to be emptied {how}"]


async def _ensure_stream(connection: Connection, stream: Stream, replicas: int) -> list[str]:
    current = await _find(connection, f"STREAM.INFO.{stream.name}")
    config = _config(stream, replicas, current)
    if current is None:
        await apply(connection, "CREATE", config)
        return [f"stream {stream.name} created"]
    return await _update(connection, stream.name, config, current)


async def _update(
    connection: Connection, name: str, config: Mapping[str, Any], current: Mapping[str, Any]
) -> list[str]:
    changes = _compare(config, current)
    if not changes:
        return []
    await apply(connection, "UPDATE", {**current, **config})
    return [f"stream {name} updated{_listed(changes)}"]


async def _ensure_consumer(connection: Connection, consumer: Consumer) -> list[str]:
    stream = await _find(connection, f"STREAM.INFO.{consumer.stream}") or {}
    if bulk_queue.is_queue(consumer) and bulk_queue.is_bulk(stream):
        return await _ensure_bulk_consumer(connection, consumer, stream)
    current = await _find(connection, f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")
    changes = _compare(consumer.config(), current)
    if not changes:
        return []
    await _make_consumer(connection, consumer, current)
    return [
        f"consumer {consumer.name} on {consumer.stream} " + (f"updated{_listed(changes)}" if current else "created")
    ]


async def _ensure_bulk_consumer(connection: Connection, consumer: Consumer, stream: Mapping[str, Any]) -> list[str]:
    """Ensure that the consumer is the one whose floor the workers may trust, and note in the stream that it is.

    One that is not is made anew: everything that the stream holds is delivered once more, and what was done already
    ends as a duplicate.
    """
    where = f"{consumer.stream}.{consumer.name}"
    info = await _ask(connection, f"CONSUMER.INFO.{where}")
    fault = bulk_queue.consumer_fault(stream, info, consumer) if info else ""
    if info and not fault:
        changes = _compare(consumer.config(), info["config"])
        if changes:
            await _make_consumer(connection, consumer, info["config"])
        return [f"consumer {consumer.name} on {consumer.stream} updated{_listed(changes)}"] if changes else []
    if info:
        await manage(connection, f"CONSUMER.DELETE.{where}", timeout_seconds=CHANGE_SECONDS)
    paused = {name: value for name, value in (info or {"config": {}})["config"].items() if name == "pause_until"}
    made = await _make_consumer(connection, consumer, paused)
    metadata = {**(stream.get("metadata") or {}), bulk_queue.MARK: made["created"]}
    config = {**stream, "metadata": metadata}
    await manage(connection, f"STREAM.UPDATE.{consumer.stream}", config, timeout_seconds=CHANGE_SECONDS)
    return [f"consumer {consumer.name} on {consumer.stream} " + (f"made anew: {fault}" if fault else "created")]


async def _make_consumer(
    connection: Connection, consumer: Consumer, current: Mapping[str, Any] | None
) -> dict[str, Any]:
    subject = f"CONSUMER.CREATE.{consumer.stream}.{consumer.name}.{consumer.filter}"
    config = {**(current or {}), **consumer.config()}
    request = {"stream_name": consumer.stream, "config": config}
    return await manage(connection, subject, request, timeout_seconds=CHANGE_SECONDS)


async def _ask(connection: Connection, call: str) -> dict[str, Any] | None:
    """Ask about a stream or a consumer; None where it does not exist."""
    try:
        return await manage(connection, call, timeout_seconds=CHANGE_SECONDS)  # it waits behind changes
    except BrokerRefusedError as refused:
        if refused.code in _NOT_FOUND:
            return None
        raise


async def _find(connection: Connection, call: str) -> dict[str, Any] | None:
    answer = await _ask(connection, call)
    return answer and dict(answer["config"])


def _listed(changes: Sequence[str]) -> str:
    return f": {'; '.join(change.removeprefix(': ') for change in changes)}"


def _compare(wanted: Mapping[str, Any], current: Mapping[str, Any] | None) -> list[str]:
    """Describe each difference; the broker leaves out fields that are false."""
    if current is None:
        return [" does not exist"]
    return [
        f": {name} is {current.get(name, False)!r}, declared {value!r}"
        for name, value in wanted.items()
        if current.get(name, False) != value
    ]
