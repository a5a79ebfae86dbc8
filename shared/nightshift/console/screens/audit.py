"""Audit: what people did by console and command line."""

import shlex

from starlette.responses import Response

from nightshift.cli.queries.audit import ActionFilter, RecordedAction, recorded_actions
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.visit import Route, Visit

_SHOWN = 100
_READ = 10_000
_LONGEST = 200
_KNOWN = (
    "queues.*",
    "queues.pause",
    "queues.resume",
    "queues.purge",
    "dlq.*",
    "dlq.redrive",
    "dlq.purge",
    "jobs.cancel",
    "jobs.send",
    "cron.*",
    "cron.run",
    "cron.pause",
    "cron.resume",
)


async def show(visit: Visit) -> Response:
    """Show the newest actions."""
    given = {name: visit.query.get(name, "")[:_LONGEST] for name in ("who", "action", "on")}
    wanted = ActionFilter(who=given["who"], action=given["action"], on=given["on"])
    rows = list[RecordedAction]()
    async for row in recorded_actions(visit.console.connection, wanted, most_read=_READ):
        rows.append(row)
        if len(rows) == _SHOWN:
            break
    options = [f"--{name} {shlex.quote(value)}" for name, value in given.items() if value]
    command = " ".join(["nightshift audit list", *options])
    return page(visit, "audit.html.j2", command=command, rows=rows, known=_KNOWN, most=_SHOWN, read=_READ)


ROUTES = (Route("GET", "/audit", show, Right.LOOK),)
