"""`nightshift outbox`: list, show, retry and drop what waits in the outbox; print who may enqueue by SQL."""

import argparse
from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, and_, true

from nightshift.cli.client.context import Context
from nightshift.cli.client.named import tell_missing
from nightshift.cli.queries.outbox_rows import (
    OutboxRow,
    OutboxRowWhole,
    count_rows,
    drop_rows,
    failed,
    for_queue,
    named,
    outbox_rows,
    retry_rows,
)
from nightshift.cli.queries.topology import service_names
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError, UsageError
from nightshift.cli.terminal.formatting import brief, format_instant, format_size, plural
from nightshift.cli.terminal.output import Output
from nightshift.cli.terminal.table import Column
from nightshift.database import Database
from nightshift.database.producer_role import producer_grants
from nightshift.text import meant_or_all

_COLUMNS = (
    Column("ID", lambda row: row.id),
    Column("WRITTEN", lambda row: format_instant(row.written_at)),
    Column("BY", lambda row: row.written_by, spare=1),
    Column("SUBJECT", lambda row: row.subject),
    Column("JOB ID", lambda row: brief(row.job_id, 60)),
    Column("TRIED", lambda row: str(row.tries or ""), right=True, spare=2),
    Column("AGAIN", lambda row: format_instant(row.retry_at)),
    Column("ERROR", lambda row: brief(row.error, 160), words=True),
)
_WHAT = "row of the outbox"
_NONE_MATCHES = "No row matches."
_WHICH = "name them (the id that the list shows, or a job id), or add --failed"


class Tally(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many rows were tried again, or dropped, and which were named and are not there."""

    done: int
    missing: list[str]


class Grants(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The statements that let a role enqueue by SQL."""

    role: str
    statements: list[str]


async def list_rows(context: Context, options: argparse.Namespace) -> int:
    """List what waits, the oldest first."""
    found = await outbox_rows(_database(context), _filter(context, options), limit=options.limit or None)
    rows = [OutboxRow(**{name: getattr(row, name) for name in OutboxRow.__struct_fields__}) for row in found]
    context.output.rows(rows, _COLUMNS, none="Nothing waits in the outbox.")
    if options.limit and len(rows) == options.limit:
        context.output.note(f"The oldest {options.limit} are shown; --limit 0 shows all.")
    return DONE


async def show(context: Context, options: argparse.Namespace) -> int:
    """Show rows in full."""
    rows = await outbox_rows(_database(context), _selection(context, options))
    if context.output.as_json:
        context.output.json(rows)
    missing = tell_missing(context.output, options.which, _names(rows), _WHAT)
    if not (rows or missing):
        context.output.note(_NONE_MATCHES)
    for number, row in enumerate(rows):
        if number:
            context.output.line("")
        if not context.output.as_json:
            _show_one(context.output, row)
    return DONE if rows and not missing else ANSWER_IS_NO


def _names(rows: Sequence[OutboxRow]) -> set[str]:
    return {name for row in rows for name in (row.id, row.job_id)}


async def _missing(context: Context, database: Database, options: argparse.Namespace) -> list[str]:
    """Say which of the named rows are not there; return their names."""
    rows = await outbox_rows(database, named(options.which)) if options.which else []
    return tell_missing(context.output, options.which, _names(rows), _WHAT)


def _show_one(output: Output, row: OutboxRowWhole) -> None:
    output.line(f"{row.subject}  {row.job_id}", "bold")
    output.line(f"{row.id}, written {format_instant(row.written_at)} by {row.written_by}, {format_size(row.bytes)}")
    if row.not_before:
        output.line(f"to run {format_instant(row.not_before)}")
    if row.error:
        output.line(f"tried {plural(row.tries, 'time')}, again {format_instant(row.retry_at)}")
        output.line(row.error, "red")
    output.line("")
    for name, value in row.headers.items():
        output.line(f"{name}: {value}")
    output.line("")
    output.line(row.text if row.text is not None else msgspec.json.format(msgspec.json.encode(row.body)).decode())


async def retry(context: Context, options: argparse.Namespace) -> int:
    """Have failed rows tried again at once."""
    database, wanted = _database(context), _selection(context, options)
    missing = await _missing(context, database, options)
    async with context.doing(options, "outbox.retry", _on(options), "try rows again at once", releases=True) as result:
        result.count = done = await retry_rows(database, wanted, context.now)
    if not done and await count_rows(database, wanted):
        context.output.note("None of them has failed: the relay publishes them by itself.")
    return _tell(context, Tally(done=done, missing=missing), "will be tried again")


async def drop(context: Context, options: argparse.Namespace) -> int:
    """Delete rows, after a question."""
    database, wanted = _database(context), _selection(context, options)
    missing = await _missing(context, database, options)
    found = await count_rows(database, wanted)
    if found and not context.output.confirm(f"Delete {plural(found, 'row')} of the outbox? Their jobs never run."):
        return ANSWER_IS_NO
    done = 0
    if found:
        what = f"delete {plural(found, 'row')} of the outbox"
        async with context.doing(options, "outbox.drop", _on(options), what, releases=True) as result:
            result.count = done = await drop_rows(database, wanted)
    return _tell(context, Tally(done=done, missing=missing), "deleted")


def _on(options: argparse.Namespace) -> str:
    """Say which rows were selected, as it was typed."""
    failed = ["all that failed"] if options.failed else []
    queue = [f"for {options.queue}"] if options.queue else []
    return ", ".join([*options.which, *failed, *queue])


def _tell(context: Context, tally: Tally, what: str) -> int:
    if context.output.as_json:
        context.output.json(tally)
    if tally.done or not tally.missing:
        context.output.line(f"{plural(tally.done, 'row')} {what}" if tally.done else _NONE_MATCHES)
    return DONE if tally.done and not tally.missing else ANSWER_IS_NO


async def grant(context: Context, options: argparse.Namespace) -> int:
    """Print the SQL that lets a role enqueue."""
    database = _database(context)
    if database.dialect == "sqlite":
        raise CommandError("SQLite has no roles: whoever may write to the file may enqueue")
    statements = producer_grants(options.role, database.engine.url.database or "", database.schema)
    if context.output.as_json:
        context.output.json(Grants(role=options.role, statements=statements))
    for statement in statements:
        context.output.line(statement)
    return DONE


def _database(context: Context) -> Database:
    return context.needed_database("the outbox is a table of the database")


def _selection(context: Context, options: argparse.Namespace) -> ColumnElement[bool]:
    """Return the condition that the arguments say.

    Raises:
        UsageError: they select nothing in particular.
    """
    if not (options.which or options.failed or options.queue):
        raise UsageError(f"which rows? {_WHICH}")
    return _filter(context, options, options.which)


def _filter(context: Context, options: argparse.Namespace, which: Sequence[str] = ()) -> ColumnElement[bool]:
    services = service_names(context)
    if options.queue and options.queue not in services:
        raise UsageError(f"there is no service {options.queue!r}{meant_or_all(options.queue, services)}")
    conditions = [
        *([named(which)] if which else []),
        *([for_queue(options.queue)] if options.queue else []),
        *([failed()] if options.failed else []),
    ]
    return and_(true(), *conditions)
