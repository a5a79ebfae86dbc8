"""Wait for a job to end, done, dead, or gone, and show meanwhile what becomes of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.queries.dead_letters import Filter, letters
from nightshift.cli.queries.job_search import later_locations, queue_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.streams import message_at
from nightshift.cli.terminal.formatting import (
    format_attempts,
    format_instant,
    format_result,
    format_said,
    format_turn,
)
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent
from nightshift.messaging.job_watch import JobWatch, Watched

_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0
_SURE = 3
"""A job that moves between two streams is in neither for a moment: only after so many looks in a row it is gone."""
_STYLES = {"done": "green", "dead": "bold red"}


class Ending(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a job ended: `done`, `dead`, `gone`, or `waiting` if it had not ended in time."""

    state: str
    at: datetime | None = None
    detail: str = ""
    seconds: float = 0.0
    attempt: int | None = None
    took_ms: int | None = None
    result: Any = None
    """What a done job returned; None if nothing."""


class Followed(NamedTuple):
    """A job that is followed, and where the broker has it, as far as that is known."""

    type: str
    job_id: str
    stream: str = ""
    sequence: int = 0
    after: int = 0
    """Its dead letter comes after this sequence: ask for the last one before the job is published."""


async def follow(context: Context, job: Followed, timeout: timedelta | None) -> Ending:
    """Wait for a job to end, at most for `timeout` if given; show where it is, and what its worker tells."""
    started = time.monotonic()
    watch = JobWatch(await context.connection(), [wire.service_of(job.type)])
    await watch.start()
    with watch.watching(job.type, job.job_id) as watched, _screen(context) as screen:
        watch.ask(job.type, job.job_id)
        ending = await _end(context, job, timeout, watched, screen)
    ending = msgspec.structs.replace(ending, seconds=round(time.monotonic() - started, 3))
    text = f"{ending.state} after {ending.seconds:.1f} s  {ending.detail}"
    context.output.line(text.rstrip(), _STYLES.get(ending.state, "yellow"))
    if ending.result is not None:
        context.output.line(f"result: {format_result(ending.result)}")
    return ending


class _Screen:
    """Shows each new thing that is known of a job once: as a line, and on a terminal as a bar as well."""

    def __init__(self, context: Context, bar: Progress) -> None:
        self._context, self._bar, self._shown = context, bar, ""
        self._task = bar.add_task("", total=None)

    def place(self, text: str) -> str:
        """Show where the job is; return what is shown."""
        if text and text != self._shown:
            self._shown = text
            self._context.output.line(text)
        return self._shown

    def event(self, event: JobEvent) -> None:
        """Show what the job's worker tells."""
        text = "  ".join(filter(None, (f"{format_turn(event)}, attempt {event.attempt}", format_said(event))))
        is_measured = event.fraction is not msgspec.UNSET
        self._bar.update(
            self._task, description=text, completed=event.fraction or 0.0, total=1.0 if is_measured else None
        )
        if not self._context.output.err.is_terminal:
            self._context.output.note(text)


@contextmanager
def _screen(context: Context) -> Iterator[_Screen]:
    """Yield the screen; its bar goes at the end of the block."""
    err = context.output.err
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        yield _Screen(context, bar)


async def _end(context: Context, job: Followed, timeout: timedelta | None, watched: Watched, screen: _Screen) -> Ending:
    deadline = time.monotonic() + timeout.total_seconds() if timeout is not None else None
    unseen, pause = 0, _POLL_SECONDS
    while True:
        if (ending := await _done(context, job)) is not None:
            return ending
        where = await _where(context, job)
        unseen = 0 if where else unseen + 1
        if unseen >= _SURE:
            return await _gone(context, job)
        shown = screen.place(_describe(where))
        if deadline is not None and time.monotonic() > deadline:
            return Ending(
                state="waiting", detail=f"no longer waiting for it; last seen: {shown or 'between two streams'}"
            )
        pause = _POLL_SECONDS if unseen else min(pause * 1.3, _LONGEST_POLL_SECONDS)
        event = await watched.next(pause)
        if event is not None and not event.is_over:
            screen.event(event)


async def _gone(context: Context, job: Followed) -> Ending:
    """Return how a job ended that the broker no longer has: its dead letter or its inbox row tells."""
    wanted = Filter(services=(wire.service_of(job.type),), type=job.type, job_ids=(job.job_id,))
    async for letter in letters(await context.connection(), wanted, after=job.after):
        detail = f"{letter.reason}: {letter.error}  ({letter.ref})"
        return Ending(state="dead", at=letter.died, detail=detail, attempt=letter.attempts)
    if context.database() is None:
        return Ending(state="done", detail=f"(it left no dead letter; {NO_DATABASE}, so its inbox row was not checked)")
    if (ending := await _done(context, job)) is not None:
        return ending
    return Ending(state="gone", detail="from the broker, with neither inbox row nor dead letter: cancelled or purged?")


async def _where(context: Context, job: Followed) -> Location | None:
    """Return where the broker has the job; its own place in the queue first, which takes one request."""
    if job.stream:
        stored = await message_at(await context.connection(), job.stream, job.sequence)
        if stored is not None and not stored.subject.startswith("later."):
            place = f"{job.stream}, message {job.sequence}"
            return Location(state="waiting", type=job.type, job_id=job.job_id, where=place)
    async for location in later_locations(context, job.type, job.job_id):
        return location
    async for location in queue_locations(context, job.type, job.job_id):
        return location
    return None


def _describe(where: Location | None) -> str:
    if where is None:
        return ""
    if where.state in {"waiting", "in flight"}:
        return "waiting or in flight"
    attempt = f" as attempt {format_attempts(where.attempt, where.most)}" if where.state == "retrying" else ""
    return f"{where.state}: runs{attempt} at {format_instant(where.at)}"


async def _done(context: Context, job: Followed) -> Ending | None:
    database = context.database()
    if database is None:
        return None
    from nightshift.messaging import ledger  # noqa: PLC0415 - needs the database's library

    entry = await ledger.find(database, job.type, job.job_id)
    if entry is None:
        return None
    return Ending(
        state="done",
        at=entry.done_at,
        detail="" if entry.outcome == "done" else f"({entry.outcome}: there was nothing to do)",
        attempt=entry.attempt,
        took_ms=entry.took_ms,
        result=entry.result,
    )
