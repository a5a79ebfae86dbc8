"""`nightshift queues`: what waits and runs, and pausing, resuming and emptying a service's queues."""

import argparse
from datetime import datetime, timedelta

import msgspec

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.cli.client.command import Groups, command, destructive, group
from nightshift.cli.client.context import Context
from nightshift.cli.commands import describe
from nightshift.cli.commands.queue_table import FOREVER, HEADS, columns
from nightshift.cli.queries.discover_workers import workers
from nightshift.cli.queries.queue_stats import measured
from nightshift.cli.queries.streams import stream_info
from nightshift.cli.queries.topology import declared, known, services
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import instant, plural
from nightshift.cli.terminal.parse_time import duration
from nightshift.contract import wire
from nightshift.instants import rfc3339
from nightshift.topology.topology import later_stream, queue_stream

_SAMPLE = timedelta(seconds=1)


class Paused(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A service whose workers get nothing, or get jobs again."""

    service: str
    paused: bool
    until: datetime | None = None


class Purged(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was deleted from a service's queues."""

    service: str
    waiting: int
    later: int


def register(groups: Groups) -> None:
    """Declares the commands."""
    queues = group(groups, "queues", "What waits and runs; pause, resume and empty a service's queues.")
    listing = command(
        queues, "list", "Show every service's queues.", example="nightshift queues list", run=_list, more=HEADS
    )
    listing.add_argument(
        "--sample", type=duration, default=_SAMPLE, metavar="SPAN", help="measure rates so long (default 1s; 0s: not)"
    )
    describing = command(
        queues,
        "describe",
        "Show settings, workers, types and last errors of one service.",
        example="nightshift queues describe email",
        run=_describe,
    )
    pause = command(
        queues,
        "pause",
        "Let a service's workers, all replicas, get no more jobs; what they have in hand they finish.",
        example="nightshift queues pause email --for 2h",
        run=_pause,
        more="It lasts until `resume`, also over restarts. Producers go on publishing.",
    )
    pause.add_argument("--for", dest="span", type=duration, metavar="SPAN", help="resume by itself after this span")
    resume = command(
        queues,
        "resume",
        "Let a paused service's workers get jobs again.",
        example="nightshift queues resume email",
        run=_resume,
    )
    purge = command(
        queues,
        "purge",
        "Delete the jobs of a service that wait, for good; dead letters stay.",
        example="nightshift queues purge email --type email.send --later",
        run=_purge,
        more="Jobs in hand are deleted from the queue too, but their worker finishes them.",
    )
    purge.add_argument("--type", help="only jobs of this type")
    purge.add_argument(
        "--later", action="store_true", help="those that wait for their time (schedules, retries) instead"
    )
    for parser in (describing, pause, resume, purge):
        parser.add_argument("name", metavar="NAME", help="service, for instance email")
    destructive(purge)


async def _list(context: Context, options: argparse.Namespace) -> int:
    connection = await context.connection()
    alive = await workers(connection)
    rows = await measured(connection, declared(context), services(context), alive, options.sample.total_seconds())
    context.output.rows(rows, columns(context.now), none="No service has queues.")
    return DONE


async def _describe(context: Context, options: argparse.Namespace) -> int:
    name = known(context, options.name)
    connection = await context.connection()
    alive = await workers(connection)
    (figures,) = await measured(connection, declared(context), [name], alive, 0)
    await describe.show(context, declared(context), figures, alive, columns(context.now))
    return DONE


async def _pause(context: Context, options: argparse.Namespace) -> int:
    name = known(context, options.name)
    until = min(context.now + options.span, FOREVER) if options.span is not None else FOREVER
    await _set_pause(context, name, until)
    _tell(context, Paused(service=name, paused=True, until=until if options.span is not None else None))
    return DONE


async def _resume(context: Context, options: argparse.Namespace) -> int:
    name = known(context, options.name)
    await _set_pause(context, name, None)
    _tell(context, Paused(service=name, paused=False))
    return DONE


async def _set_pause(context: Context, service: str, until: datetime | None) -> None:
    connection = await context.connection()
    request = {"pause_until": rfc3339(until)} if until is not None else {}
    for consumer in declared(context).consumers_of(service):
        await manage(connection, f"CONSUMER.PAUSE.{consumer.stream}.{consumer.name}", request)


def _tell(context: Context, row: Paused) -> None:
    if context.output.as_json:
        context.output.json(row)
    if not row.paused:
        context.output.line(f"{row.service} gets jobs again")
        return
    how = f"until {instant(row.until)}" if row.until else f"until `nightshift queues resume {row.service}`"
    context.output.line(f"{row.service} is paused {how}; what workers have in hand they finish")


async def _purge(context: Context, options: argparse.Namespace) -> int:
    name = known(context, options.name)
    job_type = _type_of(name, options.type)
    connection = await context.connection()
    stream, subject = (
        (later_stream(name), f"later.{job_type}") if options.later else (queue_stream(name), f"jobs.{job_type}")
    )
    if options.later:
        subject += "" if subject.endswith(">") else ".>"
    count = await _count(connection, stream, subject)
    what = f"{plural(count, 'job')} of {name} ({subject}), {'for later' if options.later else 'to be done now'},"
    if not context.output.confirm(f"Delete {what} for good?"):
        return ANSWER_IS_NO
    answer = await manage(connection, f"STREAM.PURGE.{stream}", {"filter": subject})
    gone = int(answer.get("purged", 0))
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


async def _count(connection: Connection, stream: str, subject: str) -> int:
    info = await stream_info(connection, stream, subjects_filter=subject)
    counts: dict[str, int] = info["state"].get("subjects") or {}
    return sum(counts.values())
