"""The figures of a service's queues, read from the broker: waiting, running, dead, in and out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.cli.queries.discover_workers import workers_of
from nightshift.cli.queries.streams import consumer_info, stored_at, stream_info, time_of
from nightshift.contract import wire
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.topology import Topology, dead_letter_stream, later_stream, queue_stream

_LOOKED_THROUGH = 2_000
"""At most so many scheduled jobs are read, to tell retries from others."""


class QueueStats(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One service's queues at one moment. Rates are jobs per second, None if they were not measured."""

    service: str
    waiting: int
    in_flight: int
    retrying: int | None
    """Jobs between two attempts; None if there are too many to read each."""
    scheduled: int | None
    later: int
    """Both together."""
    events: int
    """Events of schedules that the service has not handled yet."""
    dead: int
    oldest: datetime | None
    """When the oldest job that is to be run now was published."""
    per_second_in: float | None = None
    per_second_out: float | None = None
    workers: int
    paused: bool
    paused_until: datetime | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """The figures of one service, with what is needed to compute rates from two of them."""

    stats: QueueStats
    last_sequence: int
    held: int
    """Jobs in the queue that are not done: a bulk queue holds done ones, too, for a while."""
    taken: float


class Answers(NamedTuple):
    """What the broker says of one service: its three streams, and its consumers."""

    queue: dict[str, Any]
    later: dict[str, Any]
    dead: dict[str, Any]
    consumers: Sequence[dict[str, Any]]


async def take_snapshot(
    connection: Connection, topology: Topology, service: str, workers: Sequence[WorkerInfo]
) -> Snapshot:
    """Read the figures of a service.

    Raises:
        CommandError: its streams do not exist.
    """
    streams = (queue_stream(service), later_stream(service), dead_letter_stream(service))
    # All at once, so that the figures are of one moment.
    queue, later, dead, *infos = await asyncio.gather(
        *(stream_info(connection, name) for name in streams),
        *(consumer_info(connection, consumer.stream, service) for consumer in topology.consumers_of(service)),
    )
    answers = Answers(queue, later, dead, infos)
    return await snapshot_of(connection, service, answers, workers, partial(_retrying, connection, service))


async def snapshot_of(
    connection: Connection,
    service: str,
    answers: Answers,
    workers: Sequence[WorkerInfo],
    count_retrying: Callable[[int], Awaitable[int | None]],
) -> Snapshot:
    """Return the figures that are in the broker's answers.

    `count_retrying` tells how many of so many scheduled jobs have had an attempt, for which they have to be read.
    """
    by_stream: dict[str, dict[str, Any]] = {info["stream_name"]: info for info in answers.consumers}
    jobs, due, cron = (by_stream.get(name, {}) for name in (queue_stream(service), later_stream(service), "CRON"))
    in_later = max(0, answers.later["state"]["messages"] - _held(due))
    retrying = await count_retrying(in_later)
    stats = QueueStats(
        service=service,
        waiting=jobs.get("num_pending", 0) + due.get("num_pending", 0),
        in_flight=jobs.get("num_ack_pending", 0) + due.get("num_ack_pending", 0),
        retrying=retrying,
        scheduled=None if retrying is None else max(0, in_later - retrying),
        later=in_later,
        events=_held(cron),
        dead=answers.dead["state"]["messages"],
        oldest=await _oldest(connection, jobs) if _held(jobs) else None,
        workers=len(workers_of(workers, service)),
        paused=any(info.get("paused") for info in answers.consumers),
        paused_until=_paused_until(answers.consumers),
    )
    return Snapshot(stats, answers.queue["state"]["last_seq"], _held(jobs), asyncio.get_running_loop().time())


def with_rates(before: Snapshot, after: Snapshot) -> QueueStats:
    """Return the later figures, with the rates in and out since the earlier ones."""
    seconds = max(after.taken - before.taken, 0.001)
    came = after.last_sequence - before.last_sequence
    went = came - (after.held - before.held)
    return msgspec.structs.replace(
        after.stats, per_second_in=round(came / seconds, 1), per_second_out=round(max(went, 0) / seconds, 1)
    )


async def queue_stats(
    connection: Connection, topology: Topology, services: Sequence[str], workers: Sequence[WorkerInfo], seconds: float
) -> list[QueueStats]:
    """Return the figures of several services; rates are measured over `seconds`, not at all for 0."""
    first = await asyncio.gather(*(take_snapshot(connection, topology, name, workers) for name in services))
    if not seconds:
        return [shot.stats for shot in first]
    await asyncio.sleep(seconds)
    second = await asyncio.gather(*(take_snapshot(connection, topology, name, workers) for name in services))
    return [with_rates(before, after) for before, after in zip(first, second, strict=True)]


async def _oldest(connection: Connection, jobs: dict[str, Any]) -> datetime | None:
    """Return when the first job beyond those that are done for sure was published."""
    subject, after = jobs["config"]["filter_subject"], int(jobs["ack_floor"]["stream_seq"])
    found = await direct_get.page(connection, jobs["stream_name"], subject, after + 1, batch=1)
    return stored_at(found[0]) if found else None


def _held(consumer: dict[str, Any]) -> int:
    return int(consumer.get("num_pending", 0)) + int(consumer.get("num_ack_pending", 0))


def _paused_until(infos: Sequence[dict[str, Any]]) -> datetime | None:
    times = [time_of(info["config"].get("pause_until", "")) for info in infos if info.get("paused")]
    return max((at for at in times if at is not None), default=None)


async def _retrying(connection: Connection, service: str, count: int) -> int | None:
    """Count the scheduled jobs that have had an attempt; None if there are too many to read."""
    if count > _LOOKED_THROUGH:
        return None
    return await count_retries(connection, service) if count else 0


async def count_retries(connection: Connection, service: str) -> int:
    """Return how many of a service's scheduled jobs have had an attempt, by reading each."""
    found = 0
    async for message in direct_get.read_each(connection, later_stream(service), f"later.{service}.>"):
        found += message.headers.get(wire.ATTEMPT_BASE, "0") != "0"
    return found
