"""Schedules: when each was last due and is due next, whether it is paused; and the history of one."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from starlette.responses import Response

from nightshift.cli.queries import timetable
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.instants import utc_now
from nightshift.scheduler.timetable.listing import listing

_NEXT, _HISTORY = 10, 50


class Due(NamedTuple):
    """A due time, in UTC and in the schedule's own zone."""

    at: datetime
    local: str


async def show(visit: Visit) -> Response:
    """Show all."""
    console = visit.console
    known = timetable.schedules(console.operator)
    rows = await console.answers.of("schedules", lambda: timetable.entries(console.connection, known, utc_now()))
    return page(visit, "schedules.html.j2", command="nightshift cron list", rows=rows)


async def show_one(visit: Visit) -> Response:
    """Show what is due next of one, and what was announced."""
    console, name = visit.console, visit.path["name"]
    try:
        schedule = timetable.schedule_named(timetable.schedules(console.operator), name)
    except UsageError as unknown:
        raise Refused(404, str(unknown)) from None
    (row,) = listing([schedule], utc_now(), _NEXT)
    zone = ZoneInfo(row.time_zone)
    return page(
        visit,
        "schedule.html.j2",
        command=f"nightshift cron history {schedule.name}",
        row=row,
        due=[Due(at, f"{at.astimezone(zone):%a %Y-%m-%d %H:%M:%S %z}") for at in row.next_due],
        fired=(await timetable.history(console.connection, schedule.name))[-_HISTORY:][::-1],
        paused=schedule.name in await timetable.paused(console.connection),
    )


ROUTES = (
    Route("GET", "/schedules", show, Right.LOOK),
    Route("GET", "/schedules/{name}", show_one, Right.LOOK),
)
