"""`nightshift jobs watch`: how far a job is, until it is over."""

import argparse
import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from nightshift.cli.client.context import Context
from nightshift.cli.client.contract import message_class
from nightshift.cli.queries.job_search import find_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.topology import job_types
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError
from nightshift.cli.terminal.formatting import brief, format_instant, format_result
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent
from nightshift.messaging.job_watch import JobWatch, Watched

_LOOK_AGAIN_SECONDS = 5.0
_STYLES = {"done": "green", "skipped": "yellow", "dead": "bold red"}


class JobEnd(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How a job ended."""

    type: str
    job_id: str
    state: str
    at: datetime | None = None
    attempt: int | None = None
    took_ms: int | None = None
    result: Any = None
    error: str = ""


async def run(context: Context, options: argparse.Namespace) -> int:
    """Watch a job until it is over; exit code 1 if it is dead, or was not over in time."""
    types = [message_class(context.catalogue.messages, options.type).TYPE] if options.type else job_types(context)
    with context.output.busy("looking for the job …"):
        places = await find_locations(context, options.id, types)
    if not places:
        raise CommandError(f"job {options.id} was not found; jobs that are done are kept for 60 days", ANSWER_IS_NO)
    if places[0].state == "dead":
        end = JobEnd(type=places[0].type, job_id=options.id, state="dead", error=places[0].detail)
    else:
        end = await _follow(context, places[0], options)
    if context.output.as_json:
        context.output.json(end)
    context.output.line(_in_words(end), _STYLES.get(end.state, ""))
    return ANSWER_IS_NO if end.state == "dead" else DONE


async def _follow(context: Context, place: Location, options: argparse.Namespace) -> JobEnd:
    watch = JobWatch(await context.connection(), [wire.service_of(place.type)])
    await watch.start()
    with watch.watching(place.type, options.id) as watched, _bar(context) as bar:
        watch.ask(place.type, options.id)
        shown = bar.add_task(f"{place.state}  {brief(place.detail, 60)}", total=None)
        try:
            async with asyncio.timeout(None if options.wait_for is None else options.wait_for.total_seconds()):
                return await _end(context, place.type, options.id, watched, partial(_show, context, bar, shown))
        except TimeoutError:
            raise CommandError(f"job {options.id} is not over yet", ANSWER_IS_NO) from None


async def _end(
    context: Context, job_type: str, job_id: str, watched: Watched, show: Callable[[JobEvent], None]
) -> JobEnd:
    """Return the end of a job; show meanwhile what is told of it."""
    event: JobEvent | None = None
    while True:
        if event is None or event.is_over:
            if event is not None and event.what == "dead":
                return JobEnd(type=job_type, job_id=job_id, state="dead", error=event.error or "")
            if (end := await _ended(context, job_type, job_id, event)) is not None:
                return end
        else:
            show(event)
        event = await watched.next(_LOOK_AGAIN_SECONDS)


async def _ended(context: Context, job_type: str, job_id: str, event: JobEvent | None) -> JobEnd | None:
    """Return how a job has ended, as the ledger or, without a database, its event tells; None while it has not."""
    database = context.database()
    if database is None:
        return None if event is None else JobEnd(type=job_type, job_id=job_id, state=event.what)
    from nightshift.messaging import ledger  # noqa: PLC0415 - needs the database's library

    entry = await ledger.find(database, job_type, job_id)
    if entry is None:
        return None
    return JobEnd(
        type=job_type,
        job_id=job_id,
        state=entry.outcome,
        at=entry.done_at,
        attempt=entry.attempt,
        took_ms=entry.took_ms,
        result=entry.result,
    )


def _bar(context: Context) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    err = context.output.err
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _show(context: Context, bar: Progress, shown: TaskID, event: JobEvent) -> None:
    is_measured = event.fraction is not msgspec.UNSET
    bar.update(shown, description=say(event), completed=event.fraction or 0.0, total=1.0 if is_measured else None)
    if not context.output.err.is_terminal:
        context.output.note(say(event))


def say(event: JobEvent) -> str:
    """Return an event in words."""
    percent = "" if event.fraction is msgspec.UNSET else f" {event.fraction:.0%}"
    told = [brief(text, 80) for text in (event.note, event.error) if text is not msgspec.UNSET]
    return "  ".join([f"{event.what}{percent}, attempt {event.attempt}", *told])


def _in_words(end: JobEnd) -> str:
    at = "" if end.at is None else f" at {format_instant(end.at)}"
    return f"{end.state}{at}  {end.error or format_result(end.result)}".rstrip()
