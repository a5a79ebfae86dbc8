"""Schedules: when each was last due and is due next, whether it is paused, and a calendar; and the history of one."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from starlette.responses import Response

from nightshift.cli.queries import timetable
from nightshift.cli.queries.timetable import Fired
from nightshift.console.actions.schedules import schedule_at, what_resume_would_do
from nightshift.console.figures.calendar import MOST_OF_ONE, Calendar, calendar, in_its_zone
from nightshift.console.figures.shared_answers import Question
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.instants import utc_now
from nightshift.scheduler.cron.due_times import due_times
from nightshift.scheduler.cron.schedule import Schedule

_NEXT, _HISTORY = 10, 50
_DAYS = (1, 7)
_MOST_MISSED = 100
_FARTHEST = timedelta(days=3_650)
_LOOKED_UP = 5
"""Requests, however many schedules there are."""


class Announced(NamedTuple):
    """An event that was announced, and how many due times lie between the event before it and itself."""

    event: Fired
    missed: int


async def show(visit: Visit) -> Response:
    """Show all, and what comes due in the next day, or the next seven."""
    console, days = visit.console, visit.query.get("days", "1")
    if days not in map(str, _DAYS):
        raise Refused(400, f"The calendar is of {' or '.join(map(str, _DAYS))} days.")
    known = timetable.schedules(console.operator)
    rows = await console.answers.of(
        Question("schedules", _LOOKED_UP), lambda: timetable.entries(console.connection, known, utc_now())
    )
    span = timedelta(days=int(days))
    due = await console.answers.of(Question(("calendar", days), 0), lambda: _calendar(known, span))
    return page(
        visit,
        "schedules.html.j2",
        command="nightshift cron list",
        rows=rows,
        calendar=due,
        days=int(days),
        spans=_DAYS,
        most_of_one=MOST_OF_ONE,
    )


async def _calendar(schedules: Sequence[Schedule], span: timedelta) -> Calendar:
    return await asyncio.to_thread(calendar, schedules, utc_now(), span)


async def show_one(visit: Visit) -> Response:
    """Show what is due next of one, and what was announced."""
    console, schedule, now = visit.console, await schedule_at(visit), utc_now()
    stopped, fired = await asyncio.gather(
        console.answers.of(Question("paused", 2), lambda: timetable.paused(console.connection)),
        console.answers.of(
            Question(("schedule", schedule.name), 2), lambda: timetable.history(console.connection, schedule.name)
        ),
    )
    is_paused = schedule.name in stopped
    return page(
        visit,
        "schedule.html.j2",
        command=f"nightshift cron history {schedule.name}",
        schedule=schedule,
        due=in_its_zone(schedule, _next(schedule, now), now),
        fired=_announced(schedule, fired)[-_HISTORY:][::-1],
        paused=is_paused,
        most_missed=_MOST_MISSED,
        resume=await what_resume_would_do(visit, schedule) if is_paused else (),
    )


def _next(schedule: Schedule, now: datetime) -> list[datetime]:
    return list(islice(due_times(schedule, now, now + _FARTHEST), _NEXT))


def _announced(schedule: Schedule, fired: Sequence[Fired]) -> list[Announced]:
    """Say of each event what was missed before it, up to a bound, as long as the schedule was what it is."""
    found, before = list[Announced](), None
    for event in fired[-_HISTORY - 1 :]:
        is_ours = (event.schedule, event.time_zone) == (schedule.expression.text, schedule.time_zone)
        due = event.due if is_ours and not event.by_hand else None
        found.append(Announced(event, _between(schedule, before, due)))
        before = due or (before if event.by_hand else None)
    return found


def _between(schedule: Schedule, before: datetime | None, due: datetime | None) -> int:
    if before is None or due is None or due <= before:
        return 0
    times = islice(due_times(schedule, before, due), _MOST_MISSED + 1)
    return max(0, sum(1 for _ in times) - 1)


ROUTES = (
    Route("GET", "/schedules", show, Right.LOOK),
    Route("GET", "/schedules/{name}", show_one, Right.LOOK),
)
