"""One look at the broker: the figures of all services by few requests, however many people watch."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from nightshift.broker import Connection
from nightshift.broker.errors import not_understood
from nightshift.broker.jetstream import manage
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.queries.queue_stats import Answers, QueueStats, Snapshot, snapshot_of, with_rates
from nightshift.cli.queries.streams import consumer_info
from nightshift.cli.terminal.exit_codes import REFUSED, CommandError
from nightshift.instants import utc_now
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.topology import Topology, dead_letter_stream, later_stream, queue_stream


class Fill(msgspec.Struct, frozen=True):
    """How full a stream is; `most` is None where nothing limits it."""

    stream: str
    messages: int
    size: int
    most: int | None

    @property
    def share(self) -> float | None:
        """The part of its space that is used, from 0 to 1."""
        return self.size / self.most if self.most else None


class Sample(msgspec.Struct, frozen=True):
    """What one look has found."""

    at: datetime
    queues: Sequence[QueueStats]
    workers: Sequence[WorkerInfo]
    fills: Mapping[str, Fill]
    snapshots: Mapping[str, Snapshot]
    """For the rates of the next look."""

    def queue(self, service: str) -> QueueStats:
        """Return the figures of a service."""
        return next(row for row in self.queues if row.service == service)


async def read_sample(connection: Connection, topology: Topology, before: Sample | None) -> Sample:
    """Look at the broker; rates are those since `before`.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or lets this user not look.
        CommandError: a stream or consumer is missing; the text says how to make it.
    """
    services = sorted({consumer.name for consumer in topology.consumers})
    workers, streams = await asyncio.gather(running_workers(connection), _streams(connection))
    each = await asyncio.gather(*(_snapshot(connection, topology, name, streams, workers) for name in services))
    snapshots = dict(zip(services, each, strict=True))
    known = before.snapshots if before is not None else {}
    queues = [with_rates(known[name], shot) if name in known else shot.stats for name, shot in snapshots.items()]
    fills = {name: _fill(name, info) for name, info in streams.items()}
    return Sample(utc_now(), queues, workers, fills, snapshots)


async def _streams(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return what the broker says of each of its streams."""
    found = dict[str, dict[str, Any]]()
    while True:
        answer = await manage(connection, "STREAM.LIST", {"offset": len(found)})
        page = answer.get("streams") or []
        try:
            found |= {info["config"]["name"]: info for info in page}
            total = int(answer["total"])
        except (KeyError, TypeError, ValueError):
            raise not_understood("STREAM.LIST") from None
        if not page or len(found) >= total:
            return found


async def _snapshot(
    connection: Connection,
    topology: Topology,
    service: str,
    streams: Mapping[str, dict[str, Any]],
    workers: Sequence[WorkerInfo],
) -> Snapshot:
    names = (queue_stream(service), later_stream(service), dead_letter_stream(service))
    missing = next((name for name in names if name not in streams), None)
    if missing is not None:
        raise CommandError(f"the broker has no stream {missing}: run `nightshift provision`", REFUSED)
    consumers = topology.consumers_of(service)
    infos = await asyncio.gather(*(consumer_info(connection, one.stream, service) for one in consumers))
    queue, later, dead = (streams[name] for name in names)
    answers = Answers(queue, later, dead, infos)
    return await snapshot_of(connection, service, answers, workers, tells_retries=False)


def _fill(name: str, info: Mapping[str, Any]) -> Fill:
    most = int(info["config"].get("max_bytes", -1))
    state = info["state"]
    return Fill(name, state["messages"], state["bytes"], most if most > 0 else None)
