"""One look at the broker: the figures of all services by few requests, however many people watch.

What the broker keeps of a queue that rests is not asked again each time: an action of a person, which is recorded,
makes it be asked anew, and so does time.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec

from nightshift.broker import Connection
from nightshift.broker.errors import not_understood
from nightshift.broker.jetstream import manage
from nightshift.cli.queries.queue_stats import Answers, QueueStats, Snapshot, snapshot_of, with_rates
from nightshift.cli.queries.streams import consumer_info
from nightshift.cli.terminal.exit_codes import REFUSED, CommandError
from nightshift.console.figures.presence import Presence
from nightshift.console.figures.retries import Retries
from nightshift.instants import utc_now
from nightshift.outcomes import Unavailable
from nightshift.topology.audit_stream import AUDIT_STREAM
from nightshift.topology.consumer import Consumer
from nightshift.topology.discovery import WorkerInfo
from nightshift.topology.topology import (
    CRON_PAUSED_STREAM,
    CRON_STREAM,
    Topology,
    dead_letter_stream,
    later_stream,
    queue_stream,
)

_AT_REST_SECONDS = 10.0
"""What rests is asked again after so long: somebody may have paused it past the record of actions."""


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


class Mark(NamedTuple):
    """The state of a stream; one that has the same as before has not changed."""

    first: int
    last: int
    messages: int


class KnownConsumer(NamedTuple):
    """What the broker said of a consumer, when, and the marks of its stream and of the record of actions then."""

    info: dict[str, Any]
    at: float
    marks: tuple[Mark | None, Mark | None]

    def still_holds(self, now: float, marks: tuple[Mark | None, Mark | None]) -> bool:
        """Return whether nothing can have changed: it had nothing to deliver, and its stream is as it was."""
        rests = not self.info.get("num_pending") and not self.info.get("num_ack_pending")
        return rests and marks == self.marks and now - self.at < _AT_REST_SECONDS


class Sample(msgspec.Struct, frozen=True):
    """What one look has found."""

    at: datetime
    queues: Sequence[QueueStats]
    workers: Sequence[WorkerInfo]
    fills: Mapping[str, Fill]
    states: Mapping[str, Mapping[str, Any]]
    """What the broker says of the messages of each stream."""
    snapshots: Mapping[str, Snapshot]
    consumers: Mapping[tuple[str, str], KnownConsumer]
    """These two are for the next look."""
    asked: int
    """How many requests it took."""

    def queue(self, service: str) -> QueueStats:
        """Return the figures of a service."""
        return next(row for row in self.queues if row.service == service)

    def consumer(self, service: str) -> Mapping[str, Any]:
        """Return what the broker says of the consumer of a service's queue."""
        return self.consumers[queue_stream(service), service].info

    def mark(self, stream: str) -> Mark | None:
        """Return the state of a stream in short; None if there is no such stream."""
        return _mark(self.states.get(stream))


def changed(before: Sample | None, after: Sample) -> Iterator[str]:
    """Yield the topics of what two looks have found differently."""
    known = {row.service: row for row in before.queues} if before is not None else {}
    services = [row.service for row in after.queues if known.get(row.service) != row]
    if services:
        yield "queues"
        yield from (f"queue.{service}" for service in services)
    if before is None or _shown(before.workers) != _shown(after.workers):
        yield "workers"
    schedules = (CRON_STREAM, CRON_PAUSED_STREAM)
    if before is None or any(before.mark(name) != after.mark(name) for name in schedules):
        yield "schedules"


def _shown(workers: Sequence[WorkerInfo]) -> list[WorkerInfo]:
    """Leave out small lags: they are never twice the same, and no change for anybody who looks."""
    return [msgspec.structs.replace(one, loop_lag_seconds=round(one.loop_lag_seconds or 0, 1)) for one in workers]


async def read_sample(
    connection: Connection, topology: Topology, presence: Presence, retries: Retries, before: Sample | None
) -> Sample:
    """Look at the broker; rates are those since `before`.

    Raises:
        Unavailable, BrokerRefusedError: the broker is unavailable, or lets this user not look.
        CommandError: a stream or consumer is missing; the text says how to make it.
    """
    services = sorted({consumer.name for consumer in topology.consumers})
    await presence.ask()
    streams = await _streams(connection)
    states = {name: info["state"] for name, info in streams.items()}
    consumers, read = await _consumers(connection, topology, states, before.consumers if before is not None else {})
    workers = presence.here
    infos = {name: [consumers[one.stream, name].info for one in topology.consumers_of(name)] for name in services}
    answers, counted = {name: _answers(name, streams, infos[name]) for name in services}, retries.asked
    shots = await asyncio.gather(
        *(
            snapshot_of(connection, name, all_of, workers, partial(retries.count, name, all_of.later))
            for name, all_of in answers.items()
        )
    )
    snapshots = dict(zip(services, shots, strict=True))
    known = before.snapshots if before is not None else {}
    return Sample(
        at=utc_now(),
        queues=[with_rates(known[name], shot) if name in known else shot.stats for name, shot in snapshots.items()],
        workers=workers,
        fills={name: _fill(name, info) for name, info in streams.items()},
        states=states,
        snapshots=snapshots,
        consumers=consumers,
        asked=2 + read + sum(shot.held > 0 for shot in shots) + retries.asked - counted,
    )


async def _streams(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return what the broker says of each of its streams."""
    found = dict[str, dict[str, Any]]()
    while True:
        answer = await manage(connection, "STREAM.LIST", {"offset": len(found)})
        if missing := answer.get("missing"):  # they are there, though nothing is said of them
            raise Unavailable("broker", f"the one that leads {', '.join(missing)} does not answer")
        page = answer.get("streams") or []
        try:
            found |= {info["config"]["name"]: info for info in page}
            total = int(answer["total"])
        except (KeyError, TypeError, ValueError):
            raise not_understood("STREAM.LIST") from None
        if not page or len(found) >= total:
            return found


async def _consumers(
    connection: Connection,
    topology: Topology,
    states: Mapping[str, Mapping[str, Any]],
    known: Mapping[tuple[str, str], KnownConsumer],
) -> tuple[dict[tuple[str, str], KnownConsumer], int]:
    """Return what is known of every consumer of a service, and how many of them were asked about."""
    now, done = asyncio.get_running_loop().time(), _mark(states.get(AUDIT_STREAM))
    found, missing = dict[tuple[str, str], KnownConsumer](), list[tuple[Consumer, KnownConsumer]]()
    for one in topology.consumers:
        key, marks = (one.stream, one.name), (_mark(states.get(one.stream)), done)
        if key in known and known[key].still_holds(now, marks):
            found[key] = known[key]
        else:
            missing.append((one, KnownConsumer({}, now, marks)))
    infos = await asyncio.gather(*(consumer_info(connection, one.stream, one.name) for one, _ in missing))
    for (one, entry), info in zip(missing, infos, strict=True):
        found[one.stream, one.name] = entry._replace(info=info)
    return found, len(missing)


def _answers(service: str, streams: Mapping[str, dict[str, Any]], infos: Sequence[dict[str, Any]]) -> Answers:
    names = (queue_stream(service), later_stream(service), dead_letter_stream(service))
    missing = next((name for name in names if name not in streams), None)
    if missing is not None:
        raise CommandError(f"the broker has no stream {missing}: run `nightshift provision`", REFUSED)
    queue, later, dead = (streams[name] for name in names)
    return Answers(queue, later, dead, infos)


def _mark(state: Mapping[str, Any] | None) -> Mark | None:
    return None if state is None else Mark(int(state["first_seq"]), int(state["last_seq"]), int(state["messages"]))


def _fill(name: str, info: Mapping[str, Any]) -> Fill:
    most = int(info["config"].get("max_bytes", -1))
    state = info["state"]
    return Fill(name, state["messages"], state["bytes"], most if most > 0 else None)
