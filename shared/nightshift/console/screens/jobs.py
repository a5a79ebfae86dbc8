"""Jobs: lists by state, type, error, time and tenant; and the places of a job of one id, whatever its type."""

import shlex
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from nightshift.console.jobs.listing import STATES, JobsPage, JobsWanted, jobs_wanted, listed
from nightshift.console.jobs.places import Places, places_of
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.visit import Route, Visit
from nightshift.messaging.ledger import OUTCOMES
from nightshift.outcomes import Unavailable

_LONGEST_ID, _LONGEST_PLACE = 1_000, 1_000
_NO_DATABASE = "DATABASE_URL is not set, so jobs that are done cannot be seen."
_NOWHERE = JobsPage([], None)


async def show(visit: Visit) -> Response:
    """Show a list of jobs; or the job of an id, if one type has it, else all that have."""
    job_id = visit.query.get("id", "").strip()[:_LONGEST_ID]
    return await _of_id(visit, job_id) if job_id else await _list(visit)


async def _of_id(visit: Visit, job_id: str) -> Response:
    console, known = visit.console, sorted(visit.console.operator.catalogue.messages)
    wanted = jobs_wanted({"type": visit.query.get("type", "")}, known)
    if wanted.type:
        return RedirectResponse(visit.url(f"/jobs/{wanted.type}", id=job_id), 303)
    beyond = {row.type for row in console.letters.index.of_job(job_id)} - set(known)
    places = await places_of(console, job_id, [*known, *sorted(beyond)])
    types = {place.type for place in places.found}
    if len(types) == 1:
        return RedirectResponse(visit.url(f"/jobs/{quote(types.pop(), safe='')}", id=job_id), 303)
    return _page(visit, wanted, job_id=job_id, places=places, command=f"nightshift jobs find {shlex.quote(job_id)}")


async def _list(visit: Visit) -> Response:
    console, known = visit.console, sorted(visit.console.operator.catalogue.messages)
    wanted = jobs_wanted(visit.query, known)
    database, found, notice = console.operator.database(), _NOWHERE, ""
    try:
        found = await listed(console, database, wanted, visit.query.get("before", "")[:_LONGEST_PLACE])
    except Unavailable as away:
        notice = f"{away}. These jobs are not shown; that does not mean that there are none."
    if database is None and wanted.state in {"", *OUTCOMES}:
        notice = _NO_DATABASE
    return _page(visit, wanted, found=found, notice=notice, command=_command(wanted))


def _page(
    visit: Visit,
    wanted: JobsWanted,
    *,
    command: str,
    job_id: str = "",
    places: Places | None = None,
    found: JobsPage = _NOWHERE,
    notice: str = "",
) -> Response:
    return page(
        visit,
        "jobs.html.j2",
        command=command,
        job_id=job_id,
        wanted=wanted,
        types=sorted(visit.console.operator.catalogue.messages),
        states=STATES,
        places=places,
        found=found,
        notice=notice,
        letters=visit.console.letters.follower.progress,
    )


def _command(wanted: JobsWanted) -> str:
    given = {"type": wanted.type, "error": wanted.error, "tenant": wanted.tenant}
    match wanted.state:
        case "dead":
            name = "dlq list"
        case "waiting" | "later":
            return "nightshift queues list"
        case state:
            name, given["outcome"] = "jobs list", state
    options = (f"--{option} {shlex.quote(value)}" for option, value in given.items() if value)
    return " ".join(["nightshift", name, *options])


ROUTES = (Route("GET", "/jobs", show, Right.LOOK),)
