"""Wait for a job to end: done, dead, or gone."""

import time
from datetime import datetime, timedelta
from typing import Any

import msgspec

from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.queries.dead_letters import Filter, letters
from nightshift.cli.queries.job_search import later_locations, queue_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.streams import message_at, stream_info
from nightshift.cli.terminal.formatting import format_attempts, format_instant, format_result
from nightshift.contract import wire
from nightshift.messaging.job_watch import JobWatch, Watched
from nightshift.messaging.publisher import Receipt
from nightshift.topology.topology import dead_letter_stream

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
    result: Any = None
    """What a done job returned; None if nothing."""


async def last_dead_letter(context: Context, job_type: str) -> int:
    """Return the last sequence among the dead letters. Ask before publishing the job: its own comes later."""
    info = await stream_info(await context.connection(), dead_letter_stream(wire.service_of(job_type)))
    return int(info["state"]["last_seq"])


async def follow(context: Context, job_type: str, receipt: Receipt, after: int, timeout: timedelta | None) -> Ending:
    """Wait for a job to end, at most for `timeout` if given; print each change of its state.

    `after` is what `last_dead_letter` returned before the job was published.
    """
    started = time.monotonic()
    watch = JobWatch(await context.connection(), [wire.service_of(job_type)])
    await watch.start()
    with watch.watching(job_type, receipt.job_id) as watched:
        ending = await _end(context, job_type, receipt, after, timeout, watched)
    ending = msgspec.structs.replace(ending, seconds=round(time.monotonic() - started, 3))
    text = f"{ending.state} after {ending.seconds:.1f} s  {ending.detail}"
    context.output.line(text.rstrip(), _STYLES.get(ending.state, "yellow"))
    if ending.result is not None:
        context.output.line(f"result: {format_result(ending.result)}")
    return ending


async def _end(  # noqa: PLR0917 - a step of `follow`
    context: Context, job_type: str, receipt: Receipt, after: int, timeout: timedelta | None, watched: Watched
) -> Ending:
    deadline = time.monotonic() + timeout.total_seconds() if timeout is not None else None
    shown, unseen, pause = "", 0, _POLL_SECONDS
    while True:
        if (ending := await _done(context, job_type, receipt.job_id)) is not None:
            return ending
        where = await _where(context, job_type, receipt)
        unseen = 0 if where else unseen + 1
        if unseen >= _SURE:
            return await _gone(context, job_type, receipt.job_id, after)
        text = _describe(where) or shown
        if text != shown:
            shown = text
            context.output.line(text)
        if deadline is not None and time.monotonic() > deadline:
            return Ending(
                state="waiting", detail=f"no longer waiting for it; last seen: {text or 'between two streams'}"
            )
        pause = _POLL_SECONDS if unseen else min(pause * 1.3, _LONGEST_POLL_SECONDS)
        await watched.next(pause)


async def _gone(context: Context, job_type: str, job_id: str, after: int) -> Ending:
    """Return how a job ended that the broker no longer has: its dead letter or its inbox row tells."""
    wanted = Filter(services=(wire.service_of(job_type),), type=job_type, job_ids=(job_id,))
    async for letter in letters(await context.connection(), wanted, after=after):
        return Ending(state="dead", at=letter.died, detail=f"{letter.reason}: {letter.error}  ({letter.ref})")
    if context.database() is None:
        return Ending(state="done", detail=f"(it left no dead letter; {NO_DATABASE}, so its inbox row was not checked)")
    if (ending := await _done(context, job_type, job_id)) is not None:
        return ending
    return Ending(state="gone", detail="from the broker, with neither inbox row nor dead letter: cancelled or purged?")


async def _where(context: Context, job_type: str, receipt: Receipt) -> Location | None:
    """Return where the broker has the job; its own place in the queue first, which takes one request."""
    if not receipt.duplicate and receipt.subject.startswith(wire.JOBS):
        stored = await message_at(await context.connection(), receipt.stream, receipt.sequence)
        if stored is not None:
            place = f"{receipt.stream}, message {receipt.sequence}"
            return Location(state="waiting", type=job_type, job_id=receipt.job_id, where=place)
    async for location in later_locations(context, job_type, receipt.job_id):
        return location
    async for location in queue_locations(context, job_type, receipt.job_id):
        return location
    return None


def _describe(where: Location | None) -> str:
    if where is None:
        return ""
    if where.state in {"waiting", "in flight"}:
        return "waiting or in flight"
    attempt = f" as attempt {format_attempts(where.attempt, where.most)}" if where.state == "retrying" else ""
    return f"{where.state}: runs{attempt} at {format_instant(where.at)}"


async def _done(context: Context, job_type: str, job_id: str) -> Ending | None:
    database = context.database()
    if database is None:
        return None
    from nightshift.messaging import ledger  # noqa: PLC0415 - needs the database's library

    entry = await ledger.find(database, job_type, job_id)
    if entry is None:
        return None
    detail = "" if entry.outcome == "done" else f"({entry.outcome}: there was nothing to do)"
    return Ending(state="done", at=entry.done_at, detail=detail, result=entry.result)
