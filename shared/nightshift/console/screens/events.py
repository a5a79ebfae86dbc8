"""Events: what workers tell of all jobs, the newest first, as it comes."""

import shlex
from typing import get_args

from starlette.responses import Response

from nightshift.cli.queries.latest_events import latest
from nightshift.console.figures.shared_answers import Question
from nightshift.console.jobs.timeline import LEVELS
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, What

_SHOWN = 50
_READ_SECONDS = 0.4
_REQUESTS = 4
_TURNS: tuple[str, ...] = get_args(What)


async def show(visit: Visit) -> Response:
    """Show the newest turns: ends of attempts, or those of one kind; of all jobs, or of one type."""
    console, job_type, what = visit.console, visit.query.get("type", ""), visit.query.get("what", "")
    types = sorted(console.operator.catalogue.messages)
    if job_type and job_type not in types:
        raise Refused(400, f"There is no job type {job_type[:80]!r}. There are: {', '.join(types)}.")
    if what and what not in _TURNS:
        raise Refused(400, f"Workers tell nothing called {what[:40]!r}, but: {', '.join(_TURNS)}.")

    def is_wanted(event: JobEvent) -> bool:
        return job_type in {"", event.type} and (event.what == what if what else event.ends_attempt)

    service = wire.service_of(job_type) if job_type else ""
    subject = wire.events_subject(service) if service else "events.>"
    found = await console.answers.of(
        Question(("events", job_type, what), _REQUESTS),
        lambda: latest(console.connection, subject, is_wanted, most=_SHOWN, seconds=_READ_SECONDS),
    )
    return page(
        visit,
        "events.html.j2",
        command=_command(job_type, what),
        found=found,
        types=types,
        turns=_TURNS,
        wanted={"type": job_type, "what": what},
        follows=_follows(visit, [service] if service else console.services),
        levels=LEVELS,
        most=_SHOWN,
    )


def _follows(visit: Visit, services: list[str]) -> str:
    """Return the topics of the page; a console that only looks hears nothing of jobs, but of their queues."""
    topic = "queue" if visit.console.is_read_only else "events"
    return " ".join([*(f"{topic}.{service}" for service in services), "pauses"])


def _command(job_type: str, what: str) -> str:
    given = {"type": job_type, "what": what}
    return " ".join(["nightshift events tail", *(f"--{name} {shlex.quote(one)}" for name, one in given.items() if one)])


ROUTES = (Route("GET", "/events", show, Right.LOOK),)
