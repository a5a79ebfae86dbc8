"""`nightshift webhooks replay`: let the webhook service work off events again."""

import argparse
import asyncio
from collections.abc import Sequence

import msgspec

from nightshift.broker.message import OutboundMessage
from nightshift.cli.actions.redrive import Redrive
from nightshift.cli.client.context import NO_OBJECTS, Context
from nightshift.cli.client.named import tell_missing
from nightshift.cli.queries.dead_letters import Filter, letters, letters_at
from nightshift.cli.queries.webhook_events import EventRow, find_events, is_narrow
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, UsageError
from nightshift.cli.terminal.formatting import plural
from nightshift.contract import wire
from nightshift.messaging.publish_arguments import new_job_id
from nightshift.objects import ObjectMissingError

_SERVICE, _TYPE = "webhook", "webhook.received"


class Tally(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many events matched, were redriven as dead letters, were worked off anew, and are not kept any more."""

    matched: int
    redriven: int
    replayed: int
    gone: int
    missing: list[str]
    """Those that were named and are not there."""


async def run(context: Context, options: argparse.Namespace) -> int:
    """Replay."""
    if not (is_narrow(options) or options.all):
        raise UsageError("which events? Name them (stripe/evt_17), filter them, or add --all")
    rows = await find_events(context, options, which=options.which)
    missing = tell_missing(context.output, options.which, set[str]().union(*(row.names for row in rows)), "event")
    if not (rows or missing):
        context.output.note("No event matches.")
    if not rows or not context.output.confirm(f"Replay {plural(len(rows), 'event')}? Their handlers will run again."):
        return ANSWER_IS_NO
    what, on = f"replay {plural(len(rows), 'event')}", ", ".join(sorted({row.source for row in rows}))
    async with context.doing(options, "webhooks.replay", on, what) as result:
        redriven = await _redrive(context, options, [row for row in rows if row.outcome == "dead"])
        left = [row for row in rows if row.job_id not in redriven]
        replayed = await _replay(context, options, left)
        result.count = len(redriven) + replayed
    tally = Tally(
        matched=len(rows), redriven=len(redriven), replayed=replayed, gone=len(left) - replayed, missing=missing
    )
    if context.output.as_json:
        context.output.json(tally)
    context.output.line(f"{plural(len(redriven) + replayed, 'event')} replayed")
    if tally.gone:
        context.output.line(f"{plural(tally.gone, 'event')} not: the body is not kept any more", "yellow")
    return ANSWER_IS_NO if tally.gone or missing else DONE


async def _redrive(context: Context, options: argparse.Namespace, rows: Sequence[EventRow]) -> set[str]:
    """Redrive the dead letters of these events; return the job ids of those that have one."""
    if not rows:
        return set()
    connection = await context.connection()
    wanted = Filter(services=(_SERVICE,), type=_TYPE, job_ids=tuple(row.job_id for row in rows))
    found = [(letter.job_id, letter.place) async for letter in letters(connection, wanted)]
    work = Redrive(connection, await context.publisher(), context.objects(), per_second=options.rate)
    await work.all_of(letters_at(connection, [place for _, place in found]), None, lambda _: None)
    return {job_id for job_id, _ in found}


async def _replay(context: Context, options: argparse.Namespace, rows: Sequence[EventRow]) -> int:
    """Publish the kept bodies of these events as new jobs; return how many are still kept."""
    if not rows:
        return 0
    objects, publisher, done = context.objects(), await context.publisher(), 0
    if objects is None:
        raise UsageError(f"{NO_OBJECTS}: that is where the bodies of events are")
    for row in rows:
        if row.body_key is None:
            continue
        try:
            await objects.stat(row.body_key)
        except ObjectMissingError:
            continue
        job_id = f"{row.job_id}/replay-{new_job_id()}"
        headers = {wire.JOB_ID: job_id, wire.MSG_ID: f"{_TYPE}/{job_id}", wire.CLAIM: row.body_key}
        with publisher.sending([OutboundMessage(wire.job_subject(_TYPE), headers, b"")]) as (message,):
            await publisher.store(message)
        done += 1
        if options.rate:
            await asyncio.sleep(1 / options.rate)
    return done
