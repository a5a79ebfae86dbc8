"""Follows a job to its end: done, dead, or gone without a trace."""

import asyncio
import time
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select

from nightshift.cli.client.context import NO_DATABASE, Context
from nightshift.cli.queries.dead_letters import Filter, letters
from nightshift.cli.queries.job_search import Trace, later_traces, queue_traces
from nightshift.cli.queries.streams import message_at, stream_info
from nightshift.cli.terminal.formatting import instant
from nightshift.contract import wire
from nightshift.database.tables import processed_messages
from nightshift.messaging.publisher import Receipt
from nightshift.topology.topology import dead_letter_stream

_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 1.0
_SURE = 3
"""A job between two streams is in neither for a moment: it is gone when it was not seen so many times running."""
_STYLES = {"done": "green", "dead": "bold red"}


class Ending(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a job ended: `done`, `dead`, `gone`, or `waiting` when it was not followed any longer."""

    state: str
    at: datetime | None = None
    detail: str = ""
    seconds: float = 0.0


async def dead_letters_so_far(context: Context, job_type: str) -> int:
    """The last sequence among the dead letters, to be asked before the job is published: later ones may be its own."""
    info = await stream_info(await context.connection(), dead_letter_stream(wire.service_of(job_type)))
    return int(info["state"]["last_seq"])


async def follow(context: Context, job_type: str, receipt: Receipt, after: int, patience: timedelta | None) -> Ending:
    """Waits for the end of a job, saying what it does meanwhile; at most for `patience`, if given.

    `after` is what `dead_letters_so_far` said.
    """
    started = time.monotonic()
    ending = await _end(context, job_type, receipt, after, patience)
    ending = msgspec.structs.replace(ending, seconds=round(time.monotonic() - started, 3))
    text = f"{ending.state} after {ending.seconds:.1f} s  {ending.detail}"
    context.output.line(text.rstrip(), _STYLES.get(ending.state, "yellow"))
    return ending


async def _end(context: Context, job_type: str, receipt: Receipt, after: int, patience: timedelta | None) -> Ending:
    deadline = time.monotonic() + patience.total_seconds() if patience is not None else None
    told, unseen, pause = "", 0, _POLL_SECONDS
    while True:
        if (at := await _done_at(context, job_type, receipt.job_id)) is not None:
            return Ending(state="done", at=at)
        where = await _where(context, job_type, receipt)
        unseen = 0 if where else unseen + 1
        if unseen >= _SURE:
            return await _gone(context, job_type, receipt.job_id, after)
        text = _said(where) or told
        if text != told:
            told = text
            context.output.line(text)
        if deadline is not None and time.monotonic() > deadline:
            return Ending(state="waiting", detail=f"not followed any longer; last seen: {text or 'between two places'}")
        pause = _POLL_SECONDS if unseen else min(pause * 1.3, _LONGEST_POLL_SECONDS)
        await asyncio.sleep(pause)


async def _gone(context: Context, job_type: str, job_id: str, after: int) -> Ending:
    """What became of a job that is at the broker no more: its dead letter or its inbox row says so."""
    wanted = Filter(services=(wire.service_of(job_type),), type=job_type, job_ids=(job_id,))
    async for letter in letters(await context.connection(), wanted, after=after):
        return Ending(state="dead", at=letter.died, detail=f"{letter.reason}: {letter.error}  ({letter.ref})")
    if context.database() is None:
        return Ending(state="done", detail=f"(it left no dead letter; {NO_DATABASE}, so its inbox row was not seen)")
    if (at := await _done_at(context, job_type, job_id)) is not None:
        return Ending(state="done", at=at)
    return Ending(state="gone", detail="from the broker, with neither inbox row nor dead letter: cancelled or purged?")


async def _where(context: Context, job_type: str, receipt: Receipt) -> Trace | None:
    """Where the job is at the broker: at its own place first, which is one question."""
    if not receipt.duplicate and receipt.subject.startswith(wire.JOBS):
        stored = await message_at(await context.connection(), receipt.stream, receipt.sequence)
        if stored is not None:
            place = f"{receipt.stream}, message {receipt.sequence}"
            return Trace(state="waiting", type=job_type, job_id=receipt.job_id, where=place)
    async for trace in later_traces(context, job_type, receipt.job_id):
        return trace
    async for trace in queue_traces(context, job_type, receipt.job_id):
        return trace
    return None


def _said(where: Trace | None) -> str:
    if where is None:
        return ""
    if where.state in {"waiting", "in flight"}:
        return "waiting or in flight"
    attempt = f" as attempt {where.attempt}" if where.state == "retrying" else ""
    return f"{where.state}: runs{attempt} at {instant(where.at)}"


async def _done_at(context: Context, job_type: str, job_id: str) -> datetime | None:
    database, table = context.database(), processed_messages
    if database is None:
        return None
    query = select(table.c.processed_at).where(
        table.c.consumer == wire.service_of(job_type), table.c.type == job_type, table.c.id == wire.safe_token(job_id)
    )
    async with database.read() as connection:
        at: datetime | None = (await connection.execute(query)).scalar_one_or_none()
    return at
