"""Jobs: those that are done, the newest first; and where a job of one id is, as far as that is cheap to tell.

What waits in its queue, or is in a worker's hands, is not looked for: that would read the whole queue.
"""

from collections.abc import Sequence
from typing import get_args

from starlette.responses import Response

from nightshift.cli.queries.job_rows import finished
from nightshift.cli.queries.job_search import RANK, later_locations
from nightshift.cli.queries.location import Location
from nightshift.database import Database
from nightshift.messaging.ledger import LedgerEntry, LedgerFilter, Outcome, newest
from nightshift.outcomes import Unavailable
from services.console.context import ConsoleContext
from services.console.letters.index import Row
from services.console.rights import Right
from services.console.web.pages import page
from services.console.web.refused import Refused
from services.console.web.visit import Route, Visit

_SHOWN = 50
_LONGEST = 500
_NO_DATABASE = "DATABASE_URL is not set, so jobs that are done cannot be seen."


async def show(visit: Visit) -> Response:
    """Show where a job is, or the jobs that are done."""
    console, query = visit.console, visit.query
    job_id, job_type, outcome = (query.get(name, "")[:_LONGEST] for name in ("id", "type", "outcome"))
    known = sorted(console.operator.catalogue.messages)
    if job_type and job_type not in known:
        raise Refused(400, f"There is no job type {job_type[:80]!r}. There are: {', '.join(known)}.")
    wanted = LedgerFilter(type=job_type or None, tenant=query.get("tenant") or None, outcome=_outcome(outcome))
    database, notice = console.operator.database(), ""
    places, entries = list[Location](), list[LedgerEntry]()
    try:
        if job_id:
            places = await _places(console, database, job_id, [job_type] if job_type else known)
        elif database is not None:
            entries = [entry async for entry in newest(database, wanted, limit=_SHOWN, size=_SHOWN)]
    except Unavailable as away:
        notice = f"{away}. What is shown may lack some."
    return page(
        visit,
        "jobs.html.j2",
        command=f"nightshift jobs find {job_id}" if job_id.isalnum() else "nightshift jobs list",
        job_id=job_id,
        types=known,
        outcomes=get_args(Outcome),
        places=places,
        entries=entries,
        notice=notice or (_NO_DATABASE if database is None else ""),
        letters=console.letters.follower.progress,
    )


async def _places(
    console: ConsoleContext, database: Database | None, job_id: str, types: Sequence[str]
) -> list[Location]:
    found = [place for name in types async for place in later_locations(console.operator, name, job_id)]
    found += [_of_letter(row) for row in console.letters.index.of_job(job_id) if row.type in types]
    if database is not None:
        found += [place async for place in finished(database, job_id, types)]
    return sorted(found, key=lambda place: RANK.index(place.state))


def _of_letter(row: Row) -> Location:
    return Location(
        state="dead",
        type=row.type,
        job_id=row.job_id,
        where=f"{row.service}:{row.sequence}",
        at=row.died,
        attempt=row.attempts,
        detail=f"{row.reason}: {row.error}",
        stream=row.service,
        sequence=row.sequence,
    )


def _outcome(text: str) -> Outcome | None:
    if text and text not in get_args(Outcome):
        raise Refused(400, f"There is no outcome {text[:40]!r}. There are: {', '.join(get_args(Outcome))}.")
    return "done" if text == "done" else "skipped" if text else None


ROUTES = (Route("GET", "/jobs", show, Right.LOOK),)
