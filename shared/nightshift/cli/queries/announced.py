"""Schedules that the broker has events of and the timetable at hand has not: those of another SCHEDULES_FILE."""

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nightshift.broker import Connection
from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.streams import last_on, subjects_on
from nightshift.contract.cron import event_subject
from nightshift.contract.wire import CRON, MANUAL
from nightshift.scheduler.cron.cron_expression import parse
from nightshift.scheduler.cron.due_times import next_due
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.state.cron_stream import read_event
from nightshift.topology.topology import CRON_STREAM

_STILL_ANNOUNCED = timedelta(days=1)
"""A schedule whose event is overdue for longer is taken for one that was removed; its last event is kept for ever."""


async def announced_elsewhere(connection: Connection, known: Collection[str], now: datetime) -> list[Schedule]:
    """Return the schedules that are announced, and are none of the known ones."""
    subjects = await subjects_on(connection, CRON_STREAM, f"{CRON}>")
    names = sorted({subject.removeprefix(CRON) for subject in subjects if not subject.endswith(MANUAL)} - set(known))
    found = [await announced(connection, name, now) for name in names]
    return [schedule for schedule in found if schedule is not None]


async def announced(connection: Connection, name: str, now: datetime) -> Schedule | None:
    """Return a schedule as its last event has it; None if there is none, or if it is no longer announced."""
    try:
        last = await last_on(connection, CRON_STREAM, event_subject(name))
    except ValueError:  # no name that an event could have
        return None
    return None if last is None else _of_event(name, last, now)


def _of_event(name: str, last: StoredMessage, now: datetime) -> Schedule | None:
    event = read_event(last.body)
    if event is None:
        return None
    try:
        schedule = Schedule(name, parse(event.schedule), "latest", ZoneInfo(event.time_zone))
    except (ValueError, KeyError):  # of a version that knows more expressions or zones
        return None
    following = next_due(schedule, event.due)
    return schedule if following is not None and now - following < _STILL_ANNOUNCED else None
