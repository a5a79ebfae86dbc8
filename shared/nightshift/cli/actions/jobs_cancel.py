"""`nightshift jobs cancel`: take a job back before it runs, or stop it where it runs."""

import argparse
from collections.abc import Sequence
from typing import Literal

import msgspec

from nightshift.broker import BrokerRefusedError
from nightshift.broker.jetstream import manage
from nightshift.cli.actions.jobs import check_streams, named_types
from nightshift.cli.client.context import Context
from nightshift.cli.queries.job_search import find_locations, startable_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.queries.streams import consumer_info
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent
from nightshift.instants import utc_now
from nightshift.messaging.job_watch import JobWatch

_NO_MESSAGE = frozenset({10037, 10057})
_STOP_SECONDS = 30.0
"""For a handler to give back what it holds when it is cancelled."""
Did = Literal["removed", "stopped", "too-late", "not-stopped"]
_REMOVED: tuple[Did, str] = ("removed", "it was taken back before it ran")


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a place where a job was; `state` is what it was before."""

    job_id: str
    type: str
    state: str
    did: Did
    detail: str

    @property
    def is_cancelled(self) -> bool:
        """Whether the job does not run, or no longer."""
        return self.did in {"removed", "stopped"}


async def run(context: Context, options: argparse.Namespace) -> int:
    """Cancel a job wherever it is; exit code 1 if it was too late somewhere."""
    types = named_types(context, options)
    await check_streams(context, types)
    places = await startable_locations(context, options.id, types)
    if not places:
        raise CommandError(await _why_not(context, options.id, types))
    said = ", ".join(f"{place.type} ({place.state})" for place in places)
    if not context.output.confirm(f"Cancel job {options.id}: {said}? It will not run, or no longer."):
        return ANSWER_IS_NO
    watch = JobWatch(await context.connection(), {wire.service_of(place.type) for place in places})
    await watch.start()
    seconds = _STOP_SECONDS if options.wait_for is None else options.wait_for.total_seconds()
    async with context.doing(options, "jobs.cancel", options.id, f"cancel job {options.id}: {said}") as result:
        rows = [await cancel_one(context, watch, place, seconds) for place in places]
        result.count = sum(row.is_cancelled for row in rows)
    if context.output.as_json:
        context.output.json(rows)
    for row in rows:
        if row.is_cancelled:
            context.output.line(f"cancelled {row.type} {row.job_id}, which was {row.state}: {row.detail}")
    if failed := [f"job {row.job_id} {row.detail}" for row in rows if not row.is_cancelled]:
        raise CommandError("; ".join(failed))
    return DONE


async def _why_not(context: Context, job_id: str, types: Sequence[str]) -> str:
    found = await find_locations(context, job_id, types)
    if found:
        return f"job {job_id} is {found[0].state} ({found[0].where}): there is nothing to cancel"
    return f"job {job_id} was not found: nothing was cancelled"


async def cancel_one(context: Context, watch: JobWatch, place: Location, seconds: float) -> Cancelled:
    """Take a job back at one place, or have its worker stop it within so many seconds."""
    if place.state != "in flight" and await take_back(context, place):
        did, detail = _REMOVED
    else:
        told = await watch.stop(place.type, place.job_id, seconds=seconds)
        did, detail = await _unanswered(context, place) if told is None else await worker_said(context, place, told)
    return Cancelled(job_id=place.job_id, type=place.type, state=place.state, did=did, detail=detail)


async def worker_said(context: Context, place: Location, told: JobEvent) -> tuple[Did, str]:
    """Return what a worker's last word means."""
    if told.what == "dead" and told.error == "cancelled":
        return "stopped", "it was stopped in a worker's hands, and is a dead letter (reason cancelled)"
    if told.is_over:
        return "too-late", f"ended before it could be stopped: it is {told.what}"
    if not told.ends_attempt:
        return "not-stopped", (
            "is being stopped, and its handler has not ended yet: see `nightshift jobs watch`. It does not run again"
        )
    if await (await context.publisher()).cancel(place.type, place.job_id):
        return _REMOVED
    return "not-stopped", f"runs again ({told.what}): cancel it once more"


async def _take_out(context: Context, place: Location) -> bool:
    """Cancel a job in the outbox; return False if it has left it. The jobs of other jobs stay."""
    from nightshift.messaging.cancelling import take_out_of_outbox  # noqa: PLC0415 - needs the database's library

    database = context.database()
    if database is None:
        return False
    return await database.commit(lambda it: take_out_of_outbox(it, place.type, place.job_id, utc_now()))


async def _unanswered(context: Context, place: Location) -> tuple[Did, str]:
    """Return what it means that no worker has the job: it is cancelled in the database, if there is one."""
    found = await find_locations(context, place.job_id, [place.type])
    if found and found[0].state in {"done", "dead"}:
        return "too-late", f"ended before it could be stopped: it is {found[0].state}"
    database = context.database()
    if database is not None:
        from nightshift.messaging.cancelling import cancel_in  # noqa: PLC0415 - needs the database's library

        ended = await database.commit(lambda it: cancel_in(it, place.type, place.job_id, utc_now()))
        if ended.outcome != "cancelled":
            return "too-late", f"ended before it could be stopped: it is {ended.outcome}"
        return "removed", "no worker answers for it, and whoever is given it finds it cancelled"
    return "not-stopped", (
        "is in flight, but no worker answers for it: the one that had it may have died. Another has it within 30 s: "
        "cancel it again then"
    )


async def take_back(context: Context, place: Location) -> bool:
    """Remove one from its stream; return False if it started, or left, before that."""
    if place.state == "outbox":
        return await _take_out(context, place)
    connection = await context.connection()
    if place.state in {"scheduled", "retrying"}:
        return await (await context.publisher()).cancel(place.type, place.job_id)
    try:
        await manage(connection, f"STREAM.MSG.DELETE.{place.stream}", {"seq": place.sequence, "no_erase": True})
    except BrokerRefusedError as refused:
        if refused.code in _NO_MESSAGE:
            return False
        raise
    info = await consumer_info(connection, place.stream, wire.service_of(place.type))
    return int(info["delivered"]["stream_seq"]) < place.sequence
