"""The schedules: their entries in the timetable, and their events at the broker."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from nightshift.broker import Connection, direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.client.context import Context
from nightshift.cli.queries.announced import announced, announced_elsewhere
from nightshift.cli.queries.streams import must_exist, stored_at
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.contract.cron import event_subject, manual_subject
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.state.cron_stream import read_event
from nightshift.scheduler.timetable.listing import Listed, listing
from nightshift.scheduler.timetable.timetable import TimetableError, load_timetable
from nightshift.text import meant_or_all
from nightshift.topology import schedule_pauses
from nightshift.topology.topology import CRON_PAUSED_STREAM, CRON_STREAM


class Fired(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event of a schedule. `due` is None if the body is not an event."""

    name: str
    due: datetime | None
    announced: datetime
    by_hand: bool
    schedule: str
    time_zone: str
    sequence: int


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A schedule with its last event and its next due time."""

    name: str
    schedule: str
    time_zone: str
    misfire: str
    next_due: datetime | None
    last_due: datetime | None
    last_announced: datetime | None
    paused: bool
    elsewhere: bool = False
    """Whether a scheduler announces it whose SCHEDULES_FILE is not the one at hand."""


def schedules(context: Context) -> tuple[Schedule, ...]:
    """Return the scheduler's timetable: the built-in one, changed by SCHEDULES_FILE.

    Raises:
        UsageError: the file is wrong; the text says where.
    """
    try:
        return load_timetable(context.catalogue, context.settings.schedules_file)
    except TimetableError as error:
        raise UsageError(str(error)) from None


def schedule_named(timetable: Iterable[Schedule], name: str) -> Schedule:
    """Return the schedule of this name.

    Raises:
        UsageError: there is none; the text suggests one, or names all.
    """
    by_name = {schedule.name: schedule for schedule in timetable}
    name = name.removeprefix("cron.")
    if name not in by_name:
        hint = meant_or_all(name, sorted(by_name))
        raise UsageError(f"there is no schedule {name!r}{hint} (SCHEDULES_FILE names a file with more)")
    return by_name[name]


async def find_schedule(context: Context, name: str) -> Schedule:
    """Return the schedule of this name, also one that only another SCHEDULES_FILE has and a scheduler announces.

    Raises:
        UsageError: there is none; the text suggests one, or names all.
    """
    timetable = schedules(context)
    try:
        return schedule_named(timetable, name)
    except UsageError:
        elsewhere = await announced(await context.connection(), name.removeprefix("cron."), context.now)
        if elsewhere is None:
            raise
        return elsewhere


async def entries(connection: Connection, timetable: Sequence[Schedule], now: datetime) -> list[ScheduleRow]:
    """Return every schedule, also those of another SCHEDULES_FILE that are announced; the one due next comes first."""
    known = {schedule.name for schedule in timetable}
    await must_exist(connection, CRON_STREAM)
    stopped, elsewhere = await asyncio.gather(paused(connection), announced_elsewhere(connection, known, now))
    rows = listing([*timetable, *elsewhere], now, 1)
    last = await direct_get.read_last(connection, CRON_STREAM, [event_subject(row.name) for row in rows])
    return [_entry(row, last.get(event_subject(row.name)), row.name in stopped, row.name not in known) for row in rows]


async def paused(connection: Connection) -> frozenset[str]:
    """Return the schedules that are paused."""
    await must_exist(connection, CRON_PAUSED_STREAM)
    return await schedule_pauses.paused(connection)


def _entry(row: Listed, last: StoredMessage | None, stopped: bool, elsewhere: bool) -> ScheduleRow:  # noqa: FBT001 - private, one caller
    event = None if last is None else fired_event(last)
    return ScheduleRow(
        name=row.name,
        schedule=row.schedule,
        time_zone=row.time_zone,
        misfire="?" if elsewhere else row.misfire,
        next_due=row.next_due[0] if row.next_due else None,
        last_due=event.due if event else None,
        last_announced=event.announced if event else None,
        paused=stopped,
        elsewhere=elsewhere,
    )


async def history(connection: Connection, name: str) -> list[Fired]:
    """Return the stored events of a schedule, also those published by hand, the newest last."""
    found = [
        message
        for subject in (event_subject(name), manual_subject(name))
        for message in await direct_get.read_all(connection, CRON_STREAM, subject)
    ]
    return [fired_event(message) for message in sorted(found, key=lambda message: message.sequence)]


def fired_event(message: StoredMessage) -> Fired:
    """Return the event in a message."""
    name = message.subject.removeprefix("cron.").removesuffix(".manual")
    by_hand = message.subject.endswith(".manual")
    event = read_event(message.body)
    return Fired(
        name=name,
        due=event.due if event else None,
        announced=event.announced if event else stored_at(message),
        by_hand=by_hand,
        schedule=event.schedule if event else "",
        time_zone=event.time_zone if event else "",
        sequence=message.sequence,
    )
