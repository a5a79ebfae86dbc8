"""`nightshift jobs find`: where a job is."""

import argparse
from collections.abc import Sequence

from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.client.contract import message_class
from nightshift.cli.queries.job_search import find_locations
from nightshift.cli.queries.streams import must_exist
from nightshift.cli.queries.topology import job_types
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE
from nightshift.cli.terminal.formatting import format_attempts, format_instant
from nightshift.cli.terminal.table import Column
from nightshift.contract import wire
from nightshift.topology.topology import later_stream

_COLUMNS = (
    Column("STATE", lambda location: location.state, style=lambda location: location.state),
    Column("TYPE", lambda location: location.type),
    Column("AT", lambda location: format_instant(location.at)),
    Column("ATTEMPT", lambda location: format_attempts(location.attempt, location.most), right=True),
    Column("WHERE", lambda location: location.where),
    Column("", lambda location: location.detail, words=True),
)


async def find(context: Context, options: argparse.Namespace) -> int:
    """Show every place where a job is found."""
    await check_streams(context, named_types(context, options))
    with context.output.busy("searching queues, dead letters and database …"):
        found = await find_locations(context, options.id, named_types(context, options))
    none = f"Job {options.id} was not found" + (
        f" ({NO_DATABASE}: finished jobs cannot be seen)" if context.database() is None else ""
    )
    context.output.rows(found, _COLUMNS, none=none)
    return DONE if found else ANSWER_IS_NO


async def check_streams(context: Context, types: Sequence[str]) -> None:
    """Check that the streams exist and may be read; without that, a read gets no answer at all."""
    for service in {wire.service_of(job_type) for job_type in types}:
        await must_exist(await context.connection(), later_stream(service))


def named_types(context: Context, options: argparse.Namespace) -> list[str]:
    """Return the type that `--type` names, or all."""
    return [message_class(context.catalogue.messages, options.type).TYPE] if options.type else job_types(context)
