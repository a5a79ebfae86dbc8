"""`nightshift dlq`: list, show, redrive and delete dead letters."""

import argparse
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import msgspec

from nightshift.broker import BrokerRefusedError
from nightshift.cli.actions import dlq_show
from nightshift.cli.actions.dlq_words import named, summary
from nightshift.cli.actions.redrive import Redrive, remove, remove_up_to
from nightshift.cli.actions.send import read_body
from nightshift.cli.client.context import Context
from nightshift.cli.client.contract import check_body
from nightshift.cli.client.named import tell_missing
from nightshift.cli.queries.dead_letters import (
    CRON,
    Filter,
    Letter,
    Place,
    age_bounds,
    letters,
    letters_at,
    merged,
    newest_letters,
    references,
)
from nightshift.cli.queries.topology import job_types
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import plural
from nightshift.contract import wire
from nightshift.outcomes import Unavailable
from nightshift.text import meant_or_all

_WHAT = "dead letter"
_NONE_MATCHES = "No dead letter matches."
_WHICH = "name them (email:12, or a job id), filter them, or add --all"


class Tally(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many dead letters matched, how many were redriven or deleted, and which were named and are not there."""

    matched: int
    done: int
    missing: list[str]


async def list_letters(context: Context, options: argparse.Namespace) -> int:
    """List dead letters, the newest last."""
    wanted, none = _filter(context, options), "No dead letters."
    if options.limit <= 0:
        await context.output.stream(_all(context, wanted), dlq_show.COLUMNS, none=none)
        return DONE
    rows = sorted(await _newest(context, wanted, options.limit), key=lambda row: row.died)[-options.limit :]
    context.output.rows(rows, dlq_show.COLUMNS, none=none)
    if len(rows) == options.limit:
        context.output.note(f"The newest {options.limit} are shown; --limit 0 shows all.")
    return DONE


async def _all(context: Context, wanted: Filter) -> AsyncIterator[dlq_show.LetterRow]:
    """Yield every wanted one, the newest last, of all services together; a page of each is in memory."""
    connection = await context.connection()
    each = [letters(connection, replace(wanted, services=(service,))) for service in wanted.services]
    async for letter in merged(each, key=lambda letter: letter.died):
        yield dlq_show.row(letter, context.catalogue.messages)


async def _newest(context: Context, wanted: Filter, limit: int) -> list[dlq_show.LetterRow]:
    """Return at most the newest `limit` of each service; only a filter makes it read the others, too."""
    connection, rows = await context.connection(), list[dlq_show.LetterRow]()
    for service in wanted.services:
        if wanted.is_narrow:
            found = deque[dlq_show.LetterRow](maxlen=limit)
            async for letter in letters(connection, replace(wanted, services=(service,))):
                found.append(dlq_show.row(letter, context.catalogue.messages))
            rows += found
        else:
            rows += [
                dlq_show.row(letter, context.catalogue.messages)
                for letter in await newest_letters(connection, service, limit)
            ]
    return rows


async def show(context: Context, options: argparse.Namespace) -> int:
    """Show dead letters in full."""
    seen = set[str]()
    found = _noting(letters(await context.connection(), _particular(context, options)), seen)
    shown = await dlq_show.show(context.output, found, context.catalogue.messages)
    missing = tell_missing(context.output, options.which, seen, _WHAT)
    if not (shown or missing):
        context.output.note(_NONE_MATCHES)
    return DONE if shown and not missing else ANSWER_IS_NO


async def _noting(found: AsyncIterator[Letter], seen: set[str]) -> AsyncIterator[Letter]:
    """Yield the letters, and note by which names they may have been asked for."""
    async for letter in found:
        seen |= {letter.ref, letter.job_id}
        yield letter


async def redrive(context: Context, options: argparse.Namespace) -> int:
    """Publish dead letters again as jobs."""
    found, missing = await _selected(context, options)
    body = _edited(context, options, found)
    if not found or not context.output.confirm(f"Redrive {summary(found)}? They will run again."):
        return ANSWER_IS_NO
    connection, publisher = await context.connection(), await context.publisher()
    work = Redrive(connection, publisher, context.objects(), per_second=options.rate)
    what = f"redrive {summary(found)}{' with another body' if body is not None else ''}"
    try:
        async with context.doing(options, "dlq.redrive", named(found), what, releases=True) as result:
            with context.output.progress() as progress:
                task = progress.add_task("redriving", total=len(found))
                try:
                    await work.all_of(
                        letters_at(connection, found), body, lambda done: progress.update(task, completed=done)
                    )
                finally:
                    result.count = work.done
    except (BrokerRefusedError, Unavailable):
        context.output.note(f"{work.done} of {plural(len(found), 'dead letter')} redriven; the others are still there")
        raise
    return _tell(context, "redriven", Tally(matched=len(found), done=work.done, missing=missing))


async def purge(context: Context, options: argparse.Namespace) -> int:
    """Delete dead letters."""
    found, missing = await _selected(context, options)
    if not found or not context.output.confirm(f"Delete {summary(found)} for good?"):
        return ANSWER_IS_NO
    async with context.doing(options, "dlq.purge", named(found), f"delete {summary(found)}", releases=True) as result:
        result.count = done = await _delete(context, options, found)
    return _tell(context, "deleted", Tally(matched=len(found), done=done, missing=missing))


async def _delete(context: Context, options: argparse.Namespace, found: Sequence[Place]) -> int:
    connection, done = await context.connection(), 0
    if _filter(context, options).is_narrow:
        for place in found:
            done += await remove(connection, place)
    else:  # all of a service, or of every one: one request for each of their streams
        newest = {place.service: place.sequence for place in found}
        for service, sequence in newest.items():
            done += await remove_up_to(connection, service, sequence)
    return done


async def _selected(context: Context, options: argparse.Namespace) -> tuple[list[Place], list[str]]:
    """Return the places of the letters that the arguments select, and the names of which there is none.

    Their bodies may not fit into memory, nor all of their ids.
    """
    wanted, seen = _particular(context, options), set[str]()
    selected = letters(await context.connection(), wanted)
    found = [letter.place async for letter in (_noting(selected, seen) if options.which else selected)]
    missing = tell_missing(context.output, options.which, seen, _WHAT)
    if not (found or missing):
        context.output.note(_NONE_MATCHES)
    return found, missing


def _particular(context: Context, options: argparse.Namespace) -> Filter:
    """Return the filter of a command that is not for all dead letters unless that is said.

    Raises:
        UsageError: the arguments select nothing in particular.
    """
    wanted = _filter(context, options)
    if not (wanted.is_narrow or options.service or getattr(options, "all", False)):
        raise UsageError(f"which dead letters? {_WHICH}")
    return wanted


def _filter(context: Context, options: argparse.Namespace) -> Filter:
    services = [*sorted({wire.service_of(job_type) for job_type in job_types(context)}), CRON]
    if options.service and options.service not in services:
        raise UsageError(f"there is no service {options.service!r}{meant_or_all(options.service, services)}")
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


def _tell(context: Context, what: str, tally: Tally) -> int:
    if context.output.as_json:
        context.output.json(tally)
    gone = "" if tally.done == tally.matched else f"; {tally.matched - tally.done:,} had gone meanwhile"
    context.output.line(f"{plural(tally.done, _WHAT)} {what}{gone}")
    return DONE if tally.done == tally.matched and not tally.missing else ANSWER_IS_NO
