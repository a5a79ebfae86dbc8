"""`nightshift outbox`: jobs that are committed and not yet with the broker; and who may enqueue by SQL."""

import argparse
from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, and_, true

from nightshift.cli.client.command import Groups, Parser, command, destructive, group
from nightshift.cli.client.context import NO_DATABASE, Context
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
from nightshift.cli.terminal.output import Column, Output
from nightshift.database import Database
from nightshift.database.producer_role import producer_grants
from nightshift.text import did_you_mean

_COLUMNS = (
    Column("ID", lambda row: row.id),
    Column("WRITTEN", lambda row: format_instant(row.written_at)),
    Column("BY", lambda row: row.written_by),
    Column("SUBJECT", lambda row: row.subject),
    Column("JOB ID", lambda row: brief(row.job_id, 60)),
    Column("TRIED", lambda row: str(row.tries or ""), right=True),
    Column("AGAIN", lambda row: format_instant(row.retry_at)),
    Column("ERROR", lambda row: brief(row.error, 160)),
)
_WHICH = "name them (the id that the list shows, or a job id), or add --failed"


class Tally(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many rows were tried again, or dropped."""

    done: int


class Grants(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The statements that let a role enqueue by SQL."""

    role: str
    statements: list[str]


def register(groups: Groups) -> None:
    """Declare the commands."""
    outbox = group(groups, "outbox", "Jobs that are committed to the database, and that the broker does not have yet.")
    listing = command(
        outbox,
        "list",
        "List what waits in the outbox, the oldest first.",
        example="nightshift outbox list --failed",
        run=_list,
    )
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most the oldest N (default 50; 0: all)")
    show = command(
        outbox,
        "show",
        "Show rows in full: error, headers, body.",
        example="nightshift outbox show welcome-17",
        run=_show,
    )
    retry = command(
        outbox,
        "retry",
        "Have rows that could not be published tried again at once.",
        example="nightshift outbox retry --failed",
        run=_retry,
        more="The relay of their service publishes them within a second, if their cause is gone.",
    )
    drop = command(
        outbox,
        "drop",
        "Delete rows for good: their jobs never run.",
        example="nightshift outbox drop welcome-17",
        run=_drop,
    )
    for parser in (show, retry, drop):
        parser.add_argument("which", metavar="ID", nargs="*", help="as the list shows it, or a job id")
    for parser in (listing, show, retry, drop):
        _add_filters(parser)
    destructive(drop)
    grant = command(
        outbox,
        "grant",
        "Print the SQL that lets a role of PostgreSQL enqueue jobs, and nothing else.",
        example="nightshift outbox grant webshop | psql $DATABASE_URL",
        run=_grant,
        more="Where DATABASE_ROLES has a password of `producer`, `provision` makes the role nightshift_producer.",
    )
    grant.add_argument("role", metavar="ROLE", help="a role that exists")


def _add_filters(parser: Parser) -> None:
    parser.add_argument("--queue", metavar="SERVICE", help="only what is for this service")
    parser.add_argument("--failed", action="store_true", help="only what could not be published")


async def _list(context: Context, options: argparse.Namespace) -> int:
    found = await outbox_rows(_database(context), _filter(context, options), limit=options.limit or None)
    rows = [OutboxRow(**{name: getattr(row, name) for name in OutboxRow.__struct_fields__}) for row in found]
    context.output.rows(rows, _COLUMNS, none="Nothing waits in the outbox.")
    if options.limit and len(rows) == options.limit:
        context.output.note(f"The oldest {options.limit} are shown; --limit 0 shows all.")
    return DONE


async def _show(context: Context, options: argparse.Namespace) -> int:
    rows = await outbox_rows(_database(context), _selection(context, options))
    if context.output.as_json:
        context.output.json(rows)
    elif not rows:
        context.output.line("No row matches.")
    for number, row in enumerate(rows):
        if number:
            context.output.line("")
        _show_one(context.output, row)
    return DONE if rows else ANSWER_IS_NO


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


async def _retry(context: Context, options: argparse.Namespace) -> int:
    database, wanted = _database(context), _selection(context, options)
    done = await retry_rows(database, wanted, context.now)
    if not done and await count_rows(database, wanted):
        context.output.note("None of them has failed: the relay publishes them by itself.")
    return _tell(context, done, "will be tried again")


async def _drop(context: Context, options: argparse.Namespace) -> int:
    database, wanted = _database(context), _selection(context, options)
    found = await count_rows(database, wanted)
    if found and not context.output.confirm(f"Delete {plural(found, 'row')} of the outbox? Their jobs never run."):
        return ANSWER_IS_NO
    return _tell(context, await drop_rows(database, wanted) if found else 0, "deleted")


def _tell(context: Context, done: int, what: str) -> int:
    if context.output.as_json:
        context.output.json(Tally(done=done))
    context.output.line(f"{plural(done, 'row')} {what}" if done else "No row matches.")
    return DONE if done else ANSWER_IS_NO


async def _grant(context: Context, options: argparse.Namespace) -> int:
    database = _database(context)
    if database.dialect == "sqlite":
        raise CommandError("SQLite has no roles: whoever may write to the file may enqueue")
    statements = producer_grants(options.role, database.engine.url.database or "")
    if context.output.as_json:
        context.output.json(Grants(role=options.role, statements=statements))
    for statement in statements:
        context.output.line(statement)
    return DONE


def _database(context: Context) -> Database:
    database = context.database()
    if database is None:
        raise UsageError(f"{NO_DATABASE}: the outbox is a table of the database")
    return database


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
        raise UsageError(f"there is no service {options.queue!r}{did_you_mean(options.queue, services)}")
    conditions = [
        *([named(which)] if which else []),
        *([for_queue(options.queue)] if options.queue else []),
        *([failed()] if options.failed else []),
    ]
    return and_(true(), *conditions)
