"""`nightshift cron`: list schedules and their history, run one now, pause and resume one."""

import argparse
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from nightshift.broker.message import OutboundMessage
from nightshift.cli.client.context import Context
from nightshift.cli.queries import timetable
from nightshift.cli.terminal.exit_codes import DONE
from nightshift.cli.terminal.formatting import format_instant, format_span
from nightshift.cli.terminal.table import Column
from nightshift.contract import wire
from nightshift.contract.cron import ScheduleFired, manual_subject
from nightshift.messaging.publish_arguments import new_job_id
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.timetable.listing import listing
from nightshift.topology import schedule_pauses


class NextDue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A due time, in UTC and in the schedule's time zone."""

    name: str
    due: datetime
    local: str
    time_zone: str


class Requested(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that was published by hand."""

    name: str
    job_id: str
    stream: str
    sequence: int


class PauseState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A schedule that was paused or resumed."""

    name: str
    paused: bool


def _state(row: timetable.ScheduleRow) -> str:
    states = ["paused"] if row.paused else []
    return ", ".join([*states, "of another SCHEDULES_FILE"] if row.elsewhere else states)


_STATE = Column("", _state, style=lambda row: "paused" if row.paused else "")
_NEXT = (
    Column("SCHEDULE", lambda row: row.name),
    Column("DUE (UTC)", lambda row: format_instant(row.due)),
    Column("LOCAL TIME", lambda row: row.local),
    Column("TIME ZONE", lambda row: row.time_zone),
)
_HISTORY = (
    Column("DUE (UTC)", lambda row: format_instant(row.due) or "(no event)"),
    Column("ANNOUNCED", lambda row: format_instant(row.announced)),
    Column("LATE", lambda row: format_span(row.announced - row.due) if row.due and not row.by_hand else "", spare=1),
    Column("", lambda row: "by hand" if row.by_hand else ""),
    Column("EXPRESSION", lambda row: row.schedule, spare=2),
    Column("TIME ZONE", lambda row: row.time_zone, spare=3),
)


def columns(now: datetime) -> tuple[Column, ...]:
    """Return the columns of the list."""
    return (
        Column("SCHEDULE", lambda row: row.name),
        Column("EXPRESSION", lambda row: row.schedule),
        Column("TIME ZONE", lambda row: row.time_zone, spare=2),
        Column("MISFIRE", lambda row: row.misfire, spare=4),
        Column("LAST DUE (UTC)", lambda row: format_instant(row.last_due) or "never", spare=3),
        Column("NEXT DUE (UTC)", lambda row: format_instant(row.next_due) or "never"),
        Column("IN", lambda row: format_span(row.next_due - now) if row.next_due else "", right=True, spare=1),
        _STATE,
    )


async def list_schedules(context: Context, _options: argparse.Namespace) -> int:
    """Show every schedule with its last and its next due time."""
    connection, known = await context.connection(), timetable.schedules(context)
    rows = await timetable.entries(connection, known, context.now)
    context.output.rows(rows, columns(context.now), none="The timetable is empty.")
    return DONE


async def list_next(context: Context, options: argparse.Namespace) -> int:
    """Show the next due times."""
    wanted = [await timetable.find_schedule(context, options.name)] if options.name else timetable.schedules(context)
    rows = [
        NextDue(
            name=row.name,
            due=due,
            local=f"{due.astimezone(ZoneInfo(row.time_zone)):%a %Y-%m-%d %H:%M:%S%z}",
            time_zone=row.time_zone,
        )
        for row in listing(wanted, context.now, options.count)
        for due in row.next_due
    ]
    context.output.rows(sorted(rows, key=lambda row: row.due), _NEXT, none="No schedule comes due again.")
    return DONE


async def list_history(context: Context, options: argparse.Namespace) -> int:
    """Show the announced events, the newest last."""
    schedule = await timetable.find_schedule(context, options.name)
    rows = await timetable.history(await context.connection(), schedule.name)
    context.output.rows(rows[-options.count :], _HISTORY, none=f"{schedule.name} was never announced.")
    return DONE


async def run_now(context: Context, options: argparse.Namespace) -> int:
    """Publish the event of a schedule by hand."""
    schedule = await timetable.find_schedule(context, options.name)
    async with context.doing(options, "cron.run", schedule.name, f"run {schedule.name} now"):
        fired = await fire(context, schedule)
    if context.output.as_json:
        context.output.json(fired)
    where = f"{fired.stream}, message {fired.sequence}, subject {manual_subject(schedule.name)}"
    context.output.line(f"{schedule.name} was published: {where}")
    return DONE


async def fire(context: Context, schedule: Schedule, job_id: str | None = None) -> Requested:
    """Publish the event of a schedule by hand; the same id fires once."""
    now, job_id = context.now, job_id or new_job_id()
    event = ScheduleFired(
        name=schedule.name, schedule=schedule.expression.text, time_zone=schedule.time_zone, due=now, announced=now
    )
    subject = manual_subject(schedule.name)
    headers = {wire.JOB_ID: job_id, wire.MSG_ID: f"{schedule.name}/{job_id}"}
    publisher = await context.publisher()
    with publisher.sending([OutboundMessage(subject, headers, msgspec.json.encode(event))]) as (message,):
        stored = await publisher.store(message)
    return Requested(name=schedule.name, job_id=job_id, stream=stored.stream, sequence=stored.seq)


async def pause(context: Context, options: argparse.Namespace) -> int:
    """Pause a schedule."""
    schedule = await timetable.find_schedule(context, options.name)
    async with context.doing(options, "cron.pause", schedule.name, f"pause {schedule.name} until it is resumed"):
        await schedule_pauses.pause(await context.connection(), schedule.name, context.now)
    return _tell(context, schedule.name, paused=True)


async def resume(context: Context, options: argparse.Namespace) -> int:
    """Resume a paused schedule."""
    schedule = await timetable.find_schedule(context, options.name)
    async with context.doing(options, "cron.resume", schedule.name, f"resume {schedule.name}", releases=True):
        await schedule_pauses.resume(await context.connection(), schedule.name)
    return _tell(context, schedule.name, paused=False)


def _tell(context: Context, name: str, *, paused: bool) -> int:
    if context.output.as_json:
        context.output.json(PauseState(name=name, paused=paused))
    context.output.line(f"{name} is paused until `nightshift cron resume {name}`" if paused else f"{name} was resumed")
    return DONE
