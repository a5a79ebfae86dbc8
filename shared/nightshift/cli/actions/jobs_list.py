"""`nightshift jobs list`: the ledger of jobs that are done."""

import argparse

from nightshift.cli.client.context import Context
from nightshift.cli.client.contract import message_class
from nightshift.cli.terminal.exit_codes import DONE, UsageError
from nightshift.cli.terminal.formatting import brief, format_instant, format_number, format_result
from nightshift.cli.terminal.table import Column
from nightshift.messaging import ledger
from nightshift.messaging.ledger import OUTCOMES, LedgerFilter
from nightshift.text import meant_or_all

_NONE = "No job that is done matches."
_COLUMNS = (
    Column("DONE AT", lambda entry: format_instant(entry.done_at)),
    Column("TYPE", lambda entry: entry.type),
    Column("JOB ID", lambda entry: brief(entry.job_id, 80)),
    Column("OUTCOME", lambda entry: entry.outcome, style=lambda entry: "" if entry.outcome == "done" else "warning"),
    Column("ATTEMPT", lambda entry: "" if entry.attempt is None else str(entry.attempt), right=True, spare=1),
    Column("TOOK MS", lambda entry: "" if entry.took_ms is None else format_number(entry.took_ms), right=True, spare=2),
    Column("TENANT", lambda entry: brief(entry.tenant or "", 40)),
    Column("RESULT", lambda entry: format_result(entry.result), words=True),
)


async def run(context: Context, options: argparse.Namespace) -> int:
    """List jobs of the ledger, the newest last; all of them are printed while they are read, the newest first."""
    database = context.needed_database("the ledger is in the database")
    entries = ledger.newest(database, _filter(context, options), limit=options.limit or None)
    if options.limit == 0:
        await context.output.stream(entries, _COLUMNS, none=_NONE)
        return DONE
    rows = [entry async for entry in entries]
    rows.reverse()
    context.output.rows(rows, _COLUMNS, none=_NONE)
    if len(rows) == options.limit:
        context.output.note(f"The newest {options.limit} are shown; --limit 0 shows all.")
    return DONE


def _filter(context: Context, options: argparse.Namespace) -> LedgerFilter:
    if options.outcome not in {None, *OUTCOMES}:
        if options.outcome == "dead":
            raise UsageError("the ledger holds what is done; what is dead is listed by: nightshift dlq list")
        hint = meant_or_all(options.outcome, OUTCOMES)
        raise UsageError(f"there is no outcome {options.outcome!r}{hint}")
    if options.type and "*" not in options.type:
        message_class(context.catalogue.messages, options.type)
    now = context.now
    return LedgerFilter(
        type=options.type,
        tenant=options.tenant,
        outcome=options.outcome,
        since=None if options.since is None else now - options.since,
        until=None if options.until is None else now - options.until,
    )
