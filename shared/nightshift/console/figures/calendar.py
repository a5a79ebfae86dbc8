"""What comes due in the next days, of all schedules together."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from nightshift.scheduler.cron.due_times import due_times
from nightshift.scheduler.cron.schedule import Schedule

MOST_OF_ONE = 24
"""A schedule that comes due more often is named, and not listed time by time."""


class Due(NamedTuple):
    """A due time, in UTC and in the schedule's own zone."""

    at: datetime
    name: str
    local: str
    time_zone: str
    is_changed: bool
    """Whether its clock is another than now, or than at the time before: summer time begins or ends between."""


class Calendar(NamedTuple):
    """Due times, the soonest first; and the schedules that are due too often to be listed, with their zones."""

    due: Sequence[Due]
    often: Sequence[str]


def calendar(schedules: Iterable[Schedule], now: datetime, span: timedelta) -> Calendar:
    """Return what comes due in a span from now on."""
    listed, often = list[Due](), list[str]()
    for schedule in schedules:
        found = list(islice(due_times(schedule, now, now + span), MOST_OF_ONE + 1))
        if len(found) > MOST_OF_ONE:
            often.append(schedule.name)
        else:
            listed += in_its_zone(schedule, found, now)
    return Calendar(sorted(listed), often)


def in_its_zone(schedule: Schedule, times: Iterable[datetime], now: datetime) -> list[Due]:
    """Return due times as the clock of the schedule's zone shows them."""
    found, offset = list[Due](), now.astimezone(schedule.zone).utcoffset()
    for at in times:
        local = at.astimezone(schedule.zone)
        text, changed = f"{local:%a %Y-%m-%d %H:%M:%S %z}", local.utcoffset() != offset
        found.append(Due(at, schedule.name, text, schedule.time_zone, changed))
        offset = local.utcoffset()
    return found
