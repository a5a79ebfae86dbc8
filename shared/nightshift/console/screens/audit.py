"""Audit: what people did by console and command line."""

import shlex
from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response, StreamingResponse

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
    "dlq.agree",
    "dlq.export",
    "jobs.reveal",
    "jobs.cancel",
    "jobs.send",
    "cron.*",
    "cron.run",
    "cron.pause",
    "cron.resume",
)


async def show(visit: Visit) -> Response:
    """Show the newest actions."""
    given, wanted = _given(visit), _wanted(visit)
    rows = list[RecordedAction]()
    async for row in recorded_actions(visit.console.connection, wanted, most_read=_READ):
        rows.append(row)
        if len(rows) == _SHOWN:
            break
    options = [f"--{name} {shlex.quote(value)}" for name, value in given.items() if value]
    command = " ".join(["nightshift audit list", *options])
    return page(visit, "audit.html.j2", command=command, rows=rows, known=_KNOWN, most=_SHOWN, read=_READ)


async def export(visit: Visit) -> Response:
    """Send all that match as JSON lines, the newest first."""
    actions = recorded_actions(visit.console.connection, _wanted(visit))
    lines = _lines(await anext(actions, None), actions)  # what goes wrong does so before a file is begun
    headers = {"Content-Disposition": 'attachment; filename="actions.jsonl"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


async def _lines(first: RecordedAction | None, actions: AsyncIterator[RecordedAction]) -> AsyncIterator[bytes]:
    if first is not None:
        yield msgspec.json.encode(first) + b"\n"
    async for one in actions:
        yield msgspec.json.encode(one) + b"\n"


def _given(visit: Visit) -> dict[str, str]:
    return {name: visit.query.get(name, "")[:_LONGEST] for name in ("who", "action", "on")}


def _wanted(visit: Visit) -> ActionFilter:
    given = _given(visit)
    return ActionFilter(who=given["who"], action=given["action"], on=given["on"])


ROUTES = (
    Route("GET", "/audit", show, Right.LOOK),
    Route("GET", "/audit/actions.jsonl", export, Right.LOOK),
)
