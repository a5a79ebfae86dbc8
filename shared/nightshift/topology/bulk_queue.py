"""A bulk queue: what is done stays in its stream until many jobs are removed at once, up to the consumer's floor.

A work queue waits for the broker's disk at each job that it removes. A stream with limits retention does not, and one
purge removes thousands. The one rule: nothing is purged without a filter and a sequence, and nothing above the floor,
the sequence up to which the queue's only consumer has everything acknowledged. `purge_of_done` alone makes the request.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import manage
from nightshift.topology.consumer import Consumer
from nightshift.topology.topology import queue_stream

STEP = 20_000
"""Sequences that one purge covers at most: publishes wait for it, some 30 ms."""
HELD_JOBS, HELD_SHARE = 50_000, 0.25
"""When so many done jobs cannot be removed, or they take this share of the queue's limit, the floor is held."""
MARK = "nightshift-consumer"
"""The entry of the stream's metadata that says when provisioning made the consumer. The broker dates a consumer that
somebody makes anew, or that comes out of a backup, itself."""
_NO_CONSUMER = 10014
_QUEUE = re.compile(r"jobs\.[a-z][a-z0-9-]*\.>")


class FloorNotTrustedError(Exception):
    """The floor of a queue may be wrong, so nothing is removed; the text says why."""


class Purge(msgspec.Struct, frozen=True):
    """A request that removes all jobs of a queue whose sequence is less than `seq`.

    Raises:
        ValueError, TypeError: it would remove more: without a filter or a sequence the broker removes everything.
    """

    filter: str
    seq: int

    def __post_init__(self) -> None:
        """Refuse what the broker would take for everything."""
        if not _QUEUE.fullmatch(self.filter):
            raise ValueError(f"a purge of {self.filter!r} would remove more than the jobs of one queue")
        if type(self.seq) is not int or self.seq < 1:
            raise ValueError(f"a purge up to {self.seq!r} would remove everything")


class QueueState(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk queue at one moment; sequences are the stream's."""

    stream: str
    filter: str
    first: int
    last: int
    messages: int
    bytes: int
    max_bytes: int
    floor: int
    delivered: int
    pending: int
    in_flight: int
    consumers: int
    made: str
    """When the consumer was made: it tells one from the next, whose sequences may be other jobs'."""
    consumer_fault: str = ""
    """Why the consumer's floor may be wrong; empty when provisioning made it as it is."""

    @property
    def done(self) -> int:
        """Jobs that are done and not removed yet."""
        return max(0, self.messages - self.pending - self.in_flight)

    @property
    def distrust(self) -> str:
        """Why the floor cannot be trusted; empty when it can."""
        if self.consumers != 1:
            return f"{self.stream} has {self.consumers} consumers, and only one of its own may be there"
        if self.floor > self.last or self.delivered > self.last:
            return f"the consumer of {self.stream} is ahead of its stream"
        return self.consumer_fault

    @property
    def is_held(self) -> bool:
        """Whether a job that takes long keeps many that are done from being removed."""
        lingering = self.bytes * self.done / max(self.messages, 1)
        return self.done > HELD_JOBS or 0 < HELD_SHARE * self.max_bytes < lingering


def purge_of_done(state: QueueState) -> Purge | None:
    """Return the request that removes the oldest of the jobs that are done, `STEP` at most; None when there are none.

    Raises:
        FloorNotTrustedError: the floor may be wrong.
    """
    if state.distrust:
        raise FloorNotTrustedError(state.distrust)
    up_to = min(state.floor, state.first - 1 + STEP)
    return Purge(state.filter, up_to + 1) if up_to >= state.first else None


def state_of(stream: Mapping[str, Any], info: Mapping[str, Any], consumer: Consumer) -> QueueState:
    """Return the state of a queue from the broker's information about its stream and its consumer."""
    state = stream["state"]
    return QueueState(
        stream=consumer.stream,
        filter=consumer.filter,
        first=state["first_seq"],
        last=state["last_seq"],
        messages=state["messages"],
        bytes=state["bytes"],
        max_bytes=stream["config"].get("max_bytes", -1),
        floor=info["ack_floor"]["stream_seq"],
        delivered=info["delivered"]["stream_seq"],
        pending=info["num_pending"],
        in_flight=info["num_ack_pending"],
        consumers=state["consumer_count"],
        made=info["created"],
        consumer_fault=consumer_fault(stream["config"], info, consumer),
    )


def consumer_fault(stream: Mapping[str, Any], info: Mapping[str, Any], consumer: Consumer) -> str:
    """Return why a consumer's floor may be above a job that is not done; empty when provisioning made it as it is.

    `stream` is the stream's configuration, `info` the broker's information about the consumer.
    """
    made, config = (stream.get("metadata") or {}).get(MARK), info["config"]
    if made != info["created"]:
        return (
            f"the consumer {consumer.name} of {consumer.stream} is not the one that provisioning made: it was made "
            "by somebody else, or comes out of a backup"
        )
    for name, value in consumer.config().items():
        if name in _FLOOR_DEPENDS_ON and config.get(name) != value:
            return f"the consumer {consumer.name} of {consumer.stream} was changed: {name} is {config.get(name)!r}"
    return ""


_FLOOR_DEPENDS_ON = frozenset({"filter_subject", "ack_policy", "max_deliver", "deliver_policy"})
"""What moves the floor past jobs that nobody has acknowledged, if it is other than declared."""


def is_bulk(config: Mapping[str, Any]) -> bool:
    """Return whether a queue with this stream configuration is a bulk queue."""
    return bool(config.get("retention") == "limits")


def is_queue(consumer: Consumer) -> bool:
    """Return whether a consumer is that of a service's queue of jobs to do now."""
    return consumer.stream == queue_stream(consumer.name)


async def read(connection: Connection, consumer: Consumer) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the broker's information about a queue's stream, and about its consumer; None where it has none.

    The consumer is asked about first: jobs that are stored and done between the two answers would put it ahead of
    its stream the other way round.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or has no such stream.
    """
    info: dict[str, Any] | None
    try:
        info = await _info(connection, consumer)
    except BrokerRefusedError as refused:
        if refused.code != _NO_CONSUMER:
            raise
        info = None
    return await manage(connection, f"STREAM.INFO.{consumer.stream}"), info


async def look(connection: Connection, consumer: Consumer) -> QueueState | None:
    """Return the present state of a service's queue; None where it is a work queue, whose jobs the broker removes.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or has no such queue.
    """
    stream, info = await read(connection, consumer)
    if not is_bulk(stream["config"]):
        return None
    if info is None:
        info = await _info(connection, consumer)  # says what is missing
    return state_of(stream, info, consumer)


async def _info(connection: Connection, consumer: Consumer) -> dict[str, Any]:
    return await manage(connection, f"CONSUMER.INFO.{consumer.stream}.{consumer.name}")


async def remove_done(connection: Connection, state: QueueState) -> bool:
    """Remove the oldest of the jobs that are done; return False when there are none.

    Raises:
        FloorNotTrustedError: the floor may be wrong.
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    purge = purge_of_done(state)
    if purge is None:
        return False
    await manage(connection, f"STREAM.PURGE.{state.stream}", msgspec.to_builtins(purge))
    return True
