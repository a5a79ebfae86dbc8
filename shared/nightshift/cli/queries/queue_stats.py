"""The figures of a service's queues, read from the broker: what waits, runs, is dead, comes in and goes out."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.cli.queries.discover_workers import of_service
from nightshift.cli.queries.streams import consumer_info, stream_info, time_of
from nightshift.contract import wire
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.topology import Topology, dead_letter_stream, later_stream, queue_stream

_LOOKED_THROUGH = 2_000
"""Of jobs that wait for their time at most so many are looked at, to tell retries from schedules."""


class Figures(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One service's queues at one moment. Rates are jobs a second, None when they were not measured."""

    service: str
    waiting: int
    in_flight: int
    retrying: int | None
    """Jobs between two attempts; None when there are too many that wait to look at each."""
    scheduled: int | None
    later: int
    """Both together."""
    events: int
    """Events of schedules that the service has still to see."""
    dead: int
    oldest: datetime | None
    """When the oldest job that is to be done now was published."""
    per_second_in: float | None = None
    per_second_out: float | None = None
    workers: int
    paused: bool
    paused_until: datetime | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """What the broker said about one service; two of them make rates."""

    figures: Figures
    last_sequence: int
    messages: int
    taken: float


async def snapshot(connection: Connection, topology: Topology, service: str, workers: Sequence[WorkerInfo]) -> Snapshot:
    """Reads the figures of a service.

    Raises:
        Failure: its streams do not exist.
    """
    queue, later, dead = await asyncio.gather(
        *(
            stream_info(connection, name)
            for name in (queue_stream(service), later_stream(service), dead_letter_stream(service))
        )
    )
    infos = await asyncio.gather(
        *(consumer_info(connection, consumer.stream, service) for consumer in topology.consumers_of(service))
    )
    by_stream: dict[str, dict[str, Any]] = {info["stream_name"]: info for info in infos}
    jobs, due, cron = (by_stream.get(name, {}) for name in (queue_stream(service), later_stream(service), "CRON"))
    in_later = max(0, later["state"]["messages"] - _held(due))
    retrying = await _retrying(connection, service, in_later)
    figures = Figures(
        service=service,
        waiting=jobs.get("num_pending", 0) + due.get("num_pending", 0),
        in_flight=jobs.get("num_ack_pending", 0) + due.get("num_ack_pending", 0),
        retrying=retrying,
        scheduled=None if retrying is None else max(0, in_later - retrying),
        later=in_later,
        events=_held(cron),
        dead=dead["state"]["messages"],
        oldest=time_of(queue["state"]["first_ts"]) if queue["state"]["messages"] else None,
        workers=len(of_service(workers, service)),
        paused=any(info.get("paused") for info in infos),
        paused_until=_paused_until(infos),
    )
    return Snapshot(figures, queue["state"]["last_seq"], queue["state"]["messages"], asyncio.get_running_loop().time())


def with_rates(before: Snapshot, after: Snapshot) -> Figures:
    """The later figures, with what came into the queue and went out of it in between."""
    seconds = max(after.taken - before.taken, 0.001)
    came = after.last_sequence - before.last_sequence
    went = came - (after.messages - before.messages)
    return msgspec.structs.replace(
        after.figures, per_second_in=round(came / seconds, 1), per_second_out=round(max(went, 0) / seconds, 1)
    )


async def measured(
    connection: Connection, topology: Topology, services: Sequence[str], workers: Sequence[WorkerInfo], seconds: float
) -> list[Figures]:
    """The figures of several services; rates over `seconds`, none for 0."""
    first = await asyncio.gather(*(snapshot(connection, topology, name, workers) for name in services))
    if not seconds:
        return [shot.figures for shot in first]
    await asyncio.sleep(seconds)
    second = await asyncio.gather(*(snapshot(connection, topology, name, workers) for name in services))
    return [with_rates(before, after) for before, after in zip(first, second, strict=True)]


def _held(consumer: dict[str, Any]) -> int:
    return int(consumer.get("num_pending", 0)) + int(consumer.get("num_ack_pending", 0))


def _paused_until(infos: Sequence[dict[str, Any]]) -> datetime | None:
    times = [time_of(info["config"].get("pause_until", "")) for info in infos if info.get("paused")]
    return max((at for at in times if at is not None), default=None)


async def _retrying(connection: Connection, service: str, count: int) -> int | None:
    """Of the jobs that wait for their time, those that have had an attempt."""
    if count == 0:
        return 0
    if count > _LOOKED_THROUGH:
        return None
    found = 0
    async for message in direct_get.read_each(connection, later_stream(service), f"later.{service}.>"):
        found += message.headers.get(wire.ATTEMPT_BASE, "0") != "0"
    return found
