"""`nightshift dlq`: list, show, redrive and delete dead letters."""

import argparse
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from nightshift.broker import BrokerRefusedError
from nightshift.cli.client.command import Groups, Parser, command, destructive, group
from nightshift.cli.client.context import Context
from nightshift.cli.client.contract import check_body
from nightshift.cli.commands import dlq_show
from nightshift.cli.commands.redrive import Redrive, remove
from nightshift.cli.commands.send import read_body
from nightshift.cli.queries.dead_letters import (
    CRON,
    Filter,
    Place,
    age_bounds,
    letters,
    letters_at,
    newest_letters,
    references,
)
from nightshift.cli.queries.job_search import job_types
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import plural
from nightshift.cli.terminal.parse_time import parse_duration
from nightshift.contract import wire
from nightshift.outcomes import Unavailable
from nightshift.text import did_you_mean

_USUAL_RATE = 100.0
_WHICH = "name them (email:12, or a job id), filter them, or add --all"


class Tally(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many dead letters matched, and how many were redriven or deleted."""

    matched: int
    done: int


def register(groups: Groups) -> None:
    """Declare the commands."""
    dlq = group(groups, "dlq", "Dead letters: jobs that were given up on, why, and redriving them.")
    listing = command(
        dlq,
        "list",
        "List dead letters, the newest last.",
        example="nightshift dlq list --type 'email.*' --newer 1d",
        run=_list,
    )
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most the newest N (default 50; 0: all)")
    show = command(
        dlq,
        "show",
        "Show dead letters in full: error, headers, body.",
        example="nightshift dlq show email:12",
        run=_show,
    )
    redrive = command(
        dlq,
        "redrive",
        "Publish dead letters again as jobs; each keeps its job id, so a job that was done has no second effect.",
        example="nightshift dlq redrive --type email.send --error 'connection refused' --rate 20",
        run=_redrive,
    )
    redrive.add_argument(
        "--rate", type=float, default=_USUAL_RATE, metavar="N", help="at most N a second (default 100; 0: no limit)"
    )
    redrive.add_argument(
        "--body", metavar="JSON", help="with one dead letter: this body instead (@FILE, - for standard input)"
    )
    purge = command(
        dlq,
        "purge",
        "Delete dead letters for good.",
        example="nightshift dlq purge --reason invalid --older 14d",
        run=_purge,
    )
    for parser in (listing, show, redrive, purge):
        parser.add_argument("which", metavar="REF", nargs="*", help="email:12 as the list shows it, or a job id")
        _add_filters(parser)
    for parser in (redrive, purge):
        parser.add_argument("--all", action="store_true", help="all that match the filters")
        destructive(parser)


def _add_filters(parser: Parser) -> None:
    parser.add_argument("--service", help="only of this service; cron for events of schedules")
    parser.add_argument("--type", help="only of this job type; * matches anything")
    parser.add_argument("--reason", help=f"one of {', '.join(wire.REASONS)}")
    parser.add_argument("--error", default="", metavar="TEXT", help="only with this text in the error")
    parser.add_argument("--older", type=parse_duration, metavar="SPAN", help="only those older than this: 14d")
    parser.add_argument("--newer", type=parse_duration, metavar="SPAN", help="only those newer than this: 1h")


async def _list(context: Context, options: argparse.Namespace) -> int:
    rows = sorted(await _newest(context, _filter(context, options), options.limit), key=lambda row: row.died)
    rows = rows[-options.limit :] if options.limit else rows
    context.output.rows(rows, dlq_show.COLUMNS, none="No dead letters.")
    if options.limit and len(rows) == options.limit:
        context.output.note(f"The newest {options.limit} are shown; --limit 0 shows all.")
    return DONE


async def _newest(context: Context, wanted: Filter, limit: int) -> list[dlq_show.LetterRow]:
    """Return at most the newest `limit` of each service; only a filter makes it read the others, too."""
    connection, rows = await context.connection(), list[dlq_show.LetterRow]()
    for service in wanted.services:
        if wanted.is_narrow or not limit:
            found = deque[dlq_show.LetterRow](maxlen=limit or None)
            async for letter in letters(connection, replace(wanted, services=(service,))):
                found.append(dlq_show.row(letter, context.catalogue.messages))
            rows += found
        else:
            rows += [
                dlq_show.row(letter, context.catalogue.messages)
                for letter in await newest_letters(connection, service, limit)
            ]
    return rows


async def _show(context: Context, options: argparse.Namespace) -> int:
    found = await _selected(context, options)
    await dlq_show.show(context.output, letters_at(await context.connection(), found), context.catalogue.messages)
    return DONE if found else ANSWER_IS_NO


async def _redrive(context: Context, options: argparse.Namespace) -> int:
    found = await _selected(context, options)
    body = _edited(context, options, found)
    if not found or not context.output.confirm(f"Redrive {_summary(found)}? They will run again."):
        return ANSWER_IS_NO
    connection, publisher = await context.connection(), await context.publisher()
    work = Redrive(connection, publisher, context.objects(), per_second=options.rate)
    try:
        with context.output.progress() as progress:
            task = progress.add_task("redriving", total=len(found))
            await work.all_of(letters_at(connection, found), body, lambda done: progress.update(task, completed=done))
    except (BrokerRefusedError, Unavailable):
        context.output.note(f"{work.done} of {plural(len(found), 'dead letter')} redriven; the others are still there")
        raise
    _tell(context, "redriven", len(found), work.done)
    return DONE


async def _purge(context: Context, options: argparse.Namespace) -> int:
    found = await _selected(context, options)
    if not found or not context.output.confirm(f"Delete {_summary(found)} for good?"):
        return ANSWER_IS_NO
    connection, done = await context.connection(), 0
    for place in found:
        done += await remove(connection, place)
    _tell(context, "deleted", len(found), done)
    return DONE


async def _selected(context: Context, options: argparse.Namespace) -> list[Place]:
    """Return the places of the letters that the arguments select; their bodies may not fit into memory.

    Raises:
        UsageError: the arguments select nothing in particular.
    """
    wanted = _filter(context, options)
    if not (wanted.is_narrow or options.service or getattr(options, "all", False)):
        raise UsageError(f"which dead letters? {_WHICH}")
    found = [letter.place async for letter in letters(await context.connection(), wanted)]
    if not found:
        context.output.note("No dead letter matches.")
    return found


def _filter(context: Context, options: argparse.Namespace) -> Filter:
    services = [*sorted({wire.service_of(job_type) for job_type in job_types(context)}), CRON]
    if options.service and options.service not in services:
        raise UsageError(f"there is no service {options.service!r}{did_you_mean(options.service, services)}")
    if options.reason and options.reason not in wire.REASONS:
        raise UsageError(f"there is no reason {options.reason!r}{did_you_mean(options.reason, wire.REASONS)}")
    refs, ids = references(options.which, services)
    before, after = age_bounds(context.now, options.older, options.newer)
    return Filter(
        services=(options.service,) if options.service else tuple(services),
        type=options.type or "",
        reason=options.reason or "",
        error=options.error,
        died_before=before,
        died_after=after,
        refs=refs,
        job_ids=ids,
    )


def _edited(context: Context, options: argparse.Namespace, found: Sequence[Place]) -> bytes | None:
    """Return the body that replaces the old one, checked against its contract."""
    if options.body is None or not found:
        return None
    if len(found) != 1:
        raise UsageError(f"--body is for one dead letter, and {len(found)} match")
    body = read_body(options.body)
    check_body(context.catalogue.messages, found[0].type, body)
    return body


def _summary(found: Sequence[Place]) -> str:
    kinds = sorted({place.type for place in found})
    return f"{plural(len(found), 'dead letter')} ({', '.join(kinds[:5])}{', …' if len(kinds) > 5 else ''})"  # noqa: PLR2004 - as many as one line holds


def _tell(context: Context, what: str, matched: int, done: int) -> None:
    if context.output.as_json:
        context.output.json(Tally(matched=matched, done=done))
    context.output.line(f"{plural(done, 'dead letter')} {what}")
