"""`nightshift queues`: figures of each service's queues; pause, resume and purge them."""

import argparse
import contextlib
from datetime import datetime

import msgspec

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import manage
from nightshift.cli.actions import describe
from nightshift.cli.actions.queue_table import FOREVER, columns
from nightshift.cli.client.context import Context
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.queries.queue_stats import queue_stats
from nightshift.cli.queries.streams import stream_info
from nightshift.cli.queries.topology import service_named, service_names, topology_of
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import format_instant, plural
from nightshift.contract import wire
from nightshift.instants import rfc3339
from nightshift.topology import bulk_queue
from nightshift.topology.bulk_queue import FloorNotTrustedError
from nightshift.topology.topology import Topology, later_stream, queue_stream


class PauseState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A service that was paused or resumed."""

    service: str
    paused: bool
    until: datetime | None = None


class Purged(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many jobs were deleted from a service's queues."""

    service: str
    waiting: int
    later: int


async def list_queues(context: Context, options: argparse.Namespace) -> int:
    """Show every service's queues."""
    connection = await context.connection()
    alive = await running_workers(connection)
    rows = await queue_stats(
        connection, topology_of(context), service_names(context), alive, options.sample.total_seconds()
    )
    context.output.rows(rows, columns(context.now), none="No service has queues.")
    return DONE


async def describe_queue(context: Context, options: argparse.Namespace) -> int:
    """Show settings, workers, job types and last errors of a service."""
    name = service_named(context, options.name)
    connection = await context.connection()
    alive = await running_workers(connection)
    (stats,) = await queue_stats(connection, topology_of(context), [name], alive, 0)
    await describe.show(context, topology_of(context), stats, alive, columns(context.now))
    return DONE


async def pause(context: Context, options: argparse.Namespace) -> int:
    """Pause a service."""
    name = service_named(context, options.name)
    until = min(context.now + options.span, FOREVER) if options.span is not None else FOREVER
    async with context.doing(options, "queues.pause", name, f"pause {name} {how_long(name, until)}"):
        await set_pause(context, name, until)
    _tell(context, PauseState(service=name, paused=True, until=until if options.span is not None else None))
    return DONE


async def resume(context: Context, options: argparse.Namespace) -> int:
    """Resume a service."""
    name = service_named(context, options.name)
    async with context.doing(options, "queues.resume", name, f"resume {name}", releases=True):
        await set_pause(context, name, None)
    _tell(context, PauseState(service=name, paused=False))
    return DONE


async def set_pause(context: Context, service: str, until: datetime | None) -> None:
    """Pause a service until a time, or resume it (None)."""
    connection = await context.connection()
    request = {"pause_until": rfc3339(until)} if until is not None else {}
    for consumer in topology_of(context).consumers_of(service):
        await manage(connection, f"CONSUMER.PAUSE.{consumer.stream}.{consumer.name}", request)


def _tell(context: Context, row: PauseState) -> None:
    if context.output.as_json:
        context.output.json(row)
    if not row.paused:
        context.output.line(f"{row.service} was resumed")
        return
    how = how_long(row.service, row.until or FOREVER)
    context.output.line(f"{row.service} is paused {how}; jobs in flight are finished")


def how_long(service: str, until: datetime) -> str:
    """Say in words until when a service is paused."""
    return f"until {format_instant(until)}" if until < FOREVER else f"until `nightshift queues resume {service}`"


async def purge(context: Context, options: argparse.Namespace) -> int:
    """Delete the waiting jobs of a service."""
    name = service_named(context, options.name)
    job_type = _type_of(name, options.type)
    connection = await context.connection()
    stream, subject = (
        (later_stream(name), f"later.{job_type}") if options.later else (queue_stream(name), f"jobs.{job_type}")
    )
    if options.later:
        subject += "" if subject.endswith(">") else ".>"
    await _remove_done(connection, topology_of(context), name)
    count = await _count(connection, stream, subject)
    what = f"{plural(count, 'job')} of {name} ({subject}), {'for later' if options.later else 'to be run now'}"
    if not context.output.confirm(f"Delete {what}, for good?"):
        return ANSWER_IS_NO
    async with context.doing(options, "queues.purge", name, f"delete {what}", releases=True) as result:
        answer = await manage(connection, f"STREAM.PURGE.{stream}", {"filter": subject})
        result.count = gone = int(answer.get("purged", 0))
    if context.output.as_json:
        context.output.json(
            Purged(service=name, waiting=0 if options.later else gone, later=gone if options.later else 0)
        )
    context.output.line(f"{plural(gone, 'job')} deleted from {name}")
    return DONE


def _type_of(service: str, job_type: str | None) -> str:
    if job_type is None:
        return f"{service}.>"
    if wire.service_of(job_type) != service:
        raise UsageError(f"{job_type} is not a type of {service}: its types begin with {service}.")
    return job_type


async def _remove_done(connection: Connection, topology: Topology, service: str) -> None:
    """Remove what is done from a bulk queue, so that it is not counted among what waits."""
    consumer = next(filter(bulk_queue.is_queue, topology.consumers_of(service)))
    with contextlib.suppress(FloorNotTrustedError, BrokerRefusedError):
        state = await bulk_queue.look(connection, consumer)
        while state is not None and await bulk_queue.remove_done(connection, state):
            state = await bulk_queue.look(connection, consumer)


async def _count(connection: Connection, stream: str, subject: str) -> int:
    info = await stream_info(connection, stream, subjects_filter=subject)
    counts: dict[str, int] = info["state"].get("subjects") or {}
    return sum(counts.values())
