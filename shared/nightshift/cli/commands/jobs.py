"""`nightshift jobs`: where a job is, what it went through, and how to take it back before it starts."""

import argparse
from collections.abc import Sequence

import msgspec

from nightshift.broker import BrokerRefusedError
from nightshift.broker.jetstream import manage
from nightshift.cli.client.command import Groups, command, destructive, group
from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.client.contract import message_class
from nightshift.cli.queries.job_search import Trace, all_types, later_traces, queue_traces, traces
from nightshift.cli.queries.streams import consumer_info, must_exist
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError
from nightshift.cli.terminal.formatting import instant
from nightshift.cli.terminal.output import Column
from nightshift.contract import wire
from nightshift.topology.topology import later_stream

_COLUMNS = (
    Column("STATE", lambda trace: trace.state, style=lambda trace: trace.state),
    Column("TYPE", lambda trace: trace.type),
    Column("AT", lambda trace: instant(trace.at)),
    Column("ATTEMPT", lambda trace: str(trace.attempt or ""), right=True),
    Column("WHERE", lambda trace: trace.where),
    Column("", lambda trace: trace.detail),
)
_NO_MESSAGE = frozenset({10037, 10057})


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job that was taken back, and where it was."""

    job_id: str
    type: str
    state: str


def register(groups: Groups) -> None:
    """Declares the commands."""
    jobs = group(groups, "jobs", "Where a job is now, and taking back one that has not started.")
    find = command(
        jobs,
        "find",
        "Show where a job is now, and every trace of it; the first line says where it is.",
        example="nightshift jobs find welcome-17",
        run=_find,
        more="States: scheduled, waiting, in flight, retrying, outbox, done, dead.\n"
        "Whole queues are read through; --type makes that less.",
    )
    cancel = command(
        jobs,
        "cancel",
        "Take back a job that has not started: scheduled, waiting, or between two attempts.",
        example="nightshift jobs cancel welcome-17 --type email.send",
        run=_cancel,
        more="A job that a worker has in hand is not stopped (exit code 1).",
    )
    for parser in (find, cancel):
        parser.add_argument("id", metavar="ID", help="job id, as `nightshift send` printed it")
        parser.add_argument("--type", help="only jobs of this type")
    destructive(cancel)


async def _find(context: Context, options: argparse.Namespace) -> int:
    await _can_look(context, _types(context, options))
    with context.output.busy("looking through queues, dead letters and database …"):
        found = await traces(context, options.id, _types(context, options))
    none = f"No trace of job {options.id}" + (
        f" ({NO_DATABASE}: jobs that are done cannot be seen)" if context.database() is None else ""
    )
    context.output.rows(found, _COLUMNS, none=none)
    return DONE if found else ANSWER_IS_NO


async def _cancel(context: Context, options: argparse.Namespace) -> int:
    types = _types(context, options)
    await _can_look(context, types)
    waiting = [trace for job_type in types async for trace in later_traces(context, job_type, options.id)]
    waiting += [trace for job_type in types async for trace in queue_traces(context, job_type, options.id)]
    startable = [trace for trace in waiting if trace.state != "in flight"]
    if not startable:
        raise CommandError(await _why_not(context, options.id, types, waiting))
    said = ", ".join(f"{trace.type} ({trace.state})" for trace in startable)
    if not context.output.confirm(f"Cancel job {options.id}: {said}? It will not run."):
        return ANSWER_IS_NO
    cancelled = [trace for trace in startable if await _taken_back(context, trace)]
    rows = [Cancelled(job_id=trace.job_id, type=trace.type, state=trace.state) for trace in cancelled]
    if context.output.as_json:
        context.output.json(rows)
    for row in rows:
        context.output.line(f"cancelled {row.type} {row.job_id}, which was {row.state}")
    if len(rows) < len(startable):
        raise CommandError(f"job {options.id} has started meanwhile: it was not cancelled everywhere")
    return DONE


async def _can_look(context: Context, types: Sequence[str]) -> None:
    """Makes sure that the streams are there and may be looked into: else a look would get no answer at all."""
    for service in {wire.service_of(job_type) for job_type in types}:
        await must_exist(await context.connection(), later_stream(service))


def _types(context: Context, options: argparse.Namespace) -> list[str]:
    return [message_class(context.catalogue.messages, options.type).TYPE] if options.type else all_types(context)


async def _why_not(context: Context, job_id: str, types: Sequence[str], waiting: Sequence[Trace]) -> str:
    if waiting:
        return f"job {job_id} is in flight: a worker has it in hand, and it cannot be cancelled any more"
    found = await traces(context, job_id, types)
    if found:
        return f"job {job_id} is {found[0].state} ({found[0].where}): there is nothing to cancel"
    return f"no trace of job {job_id}: nothing was cancelled"


async def _taken_back(context: Context, trace: Trace) -> bool:
    """Takes one out of its stream; False when it started, or left, before that."""
    connection = await context.connection()
    if trace.state in {"scheduled", "retrying"}:
        return await (await context.publisher()).cancel(trace.type, trace.job_id)
    try:
        await manage(connection, f"STREAM.MSG.DELETE.{trace.stream}", {"seq": trace.sequence, "no_erase": True})
    except BrokerRefusedError as refused:
        if refused.code in _NO_MESSAGE:
            return False
        raise
    info = await consumer_info(connection, trace.stream, wire.service_of(trace.type))
    return int(info["delivered"]["stream_seq"]) < trace.sequence
