"""`nightshift jobs`: find a job, and cancel one that has not started."""

import argparse
from collections.abc import Sequence

import msgspec

from nightshift.broker import BrokerRefusedError
from nightshift.broker.jetstream import manage
from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.client.contract import message_class
from nightshift.cli.queries.job_search import find_locations, startable_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.streams import consumer_info, must_exist
from nightshift.cli.queries.topology import job_types
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError
from nightshift.cli.terminal.formatting import format_attempts, format_instant
from nightshift.cli.terminal.output import Column
from nightshift.contract import wire
from nightshift.topology.topology import later_stream

_COLUMNS = (
    Column("STATE", lambda location: location.state, style=lambda location: location.state),
    Column("TYPE", lambda location: location.type),
    Column("AT", lambda location: format_instant(location.at)),
    Column("ATTEMPT", lambda location: format_attempts(location.attempt, location.most), right=True),
    Column("WHERE", lambda location: location.where),
    Column("", lambda location: location.detail),
)
_NO_MESSAGE = frozenset({10037, 10057})


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job that was cancelled, and its state before."""

    job_id: str
    type: str
    state: str


async def find(context: Context, options: argparse.Namespace) -> int:
    """Show every place where a job is found."""
    await _check_streams(context, _types(context, options))
    with context.output.busy("searching queues, dead letters and database …"):
        found = await find_locations(context, options.id, _types(context, options))
    none = f"Job {options.id} was not found" + (
        f" ({NO_DATABASE}: finished jobs cannot be seen)" if context.database() is None else ""
    )
    context.output.rows(found, _COLUMNS, none=none)
    return DONE if found else ANSWER_IS_NO


async def cancel(context: Context, options: argparse.Namespace) -> int:
    """Cancel a job that has not started."""
    types = _types(context, options)
    await _check_streams(context, types)
    waiting = await startable_locations(context, options.id, types)
    startable = [location for location in waiting if location.state != "in flight"]
    if not startable:
        raise CommandError(await _why_not(context, options.id, types, waiting))
    said = ", ".join(f"{location.type} ({location.state})" for location in startable)
    if not context.output.confirm(f"Cancel job {options.id}: {said}? It will not run."):
        return ANSWER_IS_NO
    cancelled = [location for location in startable if await _cancel_one(context, location)]
    rows = [Cancelled(job_id=location.job_id, type=location.type, state=location.state) for location in cancelled]
    if context.output.as_json:
        context.output.json(rows)
    for row in rows:
        context.output.line(f"cancelled {row.type} {row.job_id}, which was {row.state}")
    if len(rows) < len(startable):
        raise CommandError(f"job {options.id} has started in the meantime: it was not cancelled everywhere")
    return DONE


async def _check_streams(context: Context, types: Sequence[str]) -> None:
    """Check that the streams exist and may be read; without that, a read gets no answer at all."""
    for service in {wire.service_of(job_type) for job_type in types}:
        await must_exist(await context.connection(), later_stream(service))


def _types(context: Context, options: argparse.Namespace) -> list[str]:
    return [message_class(context.catalogue.messages, options.type).TYPE] if options.type else job_types(context)


async def _why_not(context: Context, job_id: str, types: Sequence[str], waiting: Sequence[Location]) -> str:
    if waiting:
        return f"job {job_id} is in flight: a worker is running it, and it cannot be cancelled any more"
    found = await find_locations(context, job_id, types)
    if found:
        return f"job {job_id} is {found[0].state} ({found[0].where}): there is nothing to cancel"
    return f"job {job_id} was not found: nothing was cancelled"


async def _cancel_one(context: Context, location: Location) -> bool:
    """Remove one from its stream; return False if it started, or left, before that."""
    connection = await context.connection()
    if location.state in {"scheduled", "retrying"}:
        return await (await context.publisher()).cancel(location.type, location.job_id)
    try:
        await manage(connection, f"STREAM.MSG.DELETE.{location.stream}", {"seq": location.sequence, "no_erase": True})
    except BrokerRefusedError as refused:
        if refused.code in _NO_MESSAGE:
            return False
        raise
    info = await consumer_info(connection, location.stream, wire.service_of(location.type))
    return int(info["delivered"]["stream_seq"]) < location.sequence
