"""`nightshift jobs find`: where a job is."""

import argparse
from collections.abc import Sequence

import msgspec

from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.client.contract import message_class
from nightshift.cli.queries.events import Told, history
from nightshift.cli.queries.job_search import find_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.streams import must_exist
from nightshift.cli.queries.topology import job_types
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE
from nightshift.cli.terminal.formatting import format_attempts, format_instant, format_number, format_said, format_turn
from nightshift.cli.terminal.table import Column
from nightshift.contract import wire
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import later_stream

_COLUMNS = (
    Column("STATE", lambda location: location.state, style=lambda location: location.state),
    Column("TYPE", lambda location: location.type),
    Column("AT", lambda location: format_instant(location.at)),
    Column("ATTEMPT", lambda location: format_attempts(location.attempt, location.most), right=True),
    Column("WHERE", lambda location: location.where),
    Column("", lambda location: location.detail, words=True),
)


_TURNS = (
    Column("TOLD AT", lambda told: format_instant(told.at)),
    Column("TURN", lambda told: format_turn(told.event), style=lambda told: told.event.what),
    Column("TYPE", lambda told: told.event.type),
    Column("ATTEMPT", lambda told: str(told.event.attempt), right=True),
    Column("MS", lambda told: format_number(told.event.ms), right=True),
    Column("", lambda told: format_said(told.event)),
)


async def find(context: Context, options: argparse.Namespace) -> int:
    """Show where a job is, and what was told of it."""
    types = named_types(context, options)
    await check_streams(context, types)
    with context.output.busy("looking for the job …"):
        found = await find_locations(context, options.id, types, everywhere=options.everywhere)
        told = await _told(context, options.id, types)
    found = [_with_history(place, found[:number], told) for number, place in enumerate(found)]
    none = f"Job {options.id} was not found" + (
        f" ({NO_DATABASE}: finished jobs cannot be seen)" if context.database() is None else ""
    )
    context.output.rows(found, _COLUMNS, none=none)
    if told and not context.output.as_json:
        context.output.line("")
        context.output.rows(told, _TURNS, none="")
    return DONE if found else ANSWER_IS_NO


async def _told(context: Context, job_id: str, types: Sequence[str]) -> list[Told]:
    try:
        return await history(await context.connection(), job_id, types)
    except Unavailable as unavailable:
        context.output.note(f"what was told of it cannot be read: {unavailable}")
        return []


def _with_history(place: Location, before: Sequence[Location], told: Sequence[Told]) -> Location:
    """Return a place with what was told of its job; of several places of one job the first."""
    if any(other.type == place.type for other in before):
        return place
    return msgspec.structs.replace(place, history=tuple(one for one in told if one.event.type == place.type))


async def check_streams(context: Context, types: Sequence[str]) -> None:
    """Check that the streams exist and may be read; without that, a read gets no answer at all."""
    for service in {wire.service_of(job_type) for job_type in types}:
        await must_exist(await context.connection(), later_stream(service))


def named_types(context: Context, options: argparse.Namespace) -> list[str]:
    """Return the type that `--type` names, or all."""
    return [message_class(context.catalogue.messages, options.type).TYPE] if options.type else job_types(context)
