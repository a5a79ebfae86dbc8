"""A queue: pause it for a time and a reason, and resume it."""

import shlex
from datetime import datetime, timedelta

from starlette.responses import Response

from nightshift.cli.actions.queue_table import FOREVER
from nightshift.cli.actions.queues import set_pause
from nightshift.cli.terminal.formatting import format_instant, plural
from nightshift.console.actions.acting import doing
from nightshift.console.actions.asking import Choice, Question, ask, mistake, told
from nightshift.console.rights import Right
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.instants import utc_now

_SPANS = {"1h": timedelta(hours=1), "15m": timedelta(minutes=15), "4h": timedelta(hours=4), "1d": timedelta(days=1)}
_FOREVER = "until-resumed"
_UNTIL = Choice(
    "until",
    "How long",
    (
        ("1h", "1 hour"),
        ("15m", "15 minutes"),
        ("4h", "4 hours"),
        ("1d", "1 day"),
        (_FOREVER, "until somebody resumes it"),
    ),
)


def service_at(visit: Visit) -> str:
    """Return the service that the address names.

    Raises:
        Refused: there is none.
    """
    service = visit.path["service"]
    if service not in visit.console.services:
        raise Refused(404, f"There is no queue {service[:60]!r}. There are: {', '.join(visit.console.services)}.")
    return service


def _waiting(visit: Visit, service: str) -> str:
    row = visit.console.sampler.known(service)
    return "" if row is None else f"{plural(row.waiting, 'job')} waiting, {row.in_flight:,} running"


def _pause(visit: Visit, service: str) -> Question:
    span = visit.form.get("until", "1h")
    command = ["nightshift", "queues", "pause", service, *(["--for", span] if span in _SPANS else [])]
    if reason := visit.form.get("reason", "").strip():
        command += ["--because", reason]
    return Question(
        title=f"Pause queue {service}",
        will=(
            f"No worker of {service} gets another job, on any machine; jobs in flight are finished.",
            "Publishers go on: what they send waits, until the queue is full.",
            "It survives restarts of workers and broker.",
        ),
        button="Pause it",
        command=shlex.join(command),
        back=f"/queues/{service}",
        facts={"Now": _waiting(visit, service)},
        fields=(_UNTIL,),
        needs_reason=True,
    )


def _resume(visit: Visit, service: str) -> Question:
    return Question(
        title=f"Resume queue {service}",
        will=(f"Workers of {service} get jobs again at once, the oldest first.",),
        button="Resume it",
        command=f"nightshift queues resume {service}",
        back=f"/queues/{service}",
        facts={"Now": _waiting(visit, service)},
    )


async def ask_pause(visit: Visit) -> Response:
    """Ask how long, and why."""
    return ask(visit, _pause(visit, service_at(visit)))


async def pause(visit: Visit) -> Response:
    """Pause a queue."""
    service = service_at(visit)
    if wrong := mistake(visit, question := _pause(visit, service)):
        return ask(visit, question, wrong)
    until = _until(visit.form["until"])
    ends = f"until {format_instant(until)}" if until < FOREVER else "until somebody resumes it"
    async with doing(visit, "queues.pause", service, f"pause {service} {ends}"):
        await set_pause(visit.console.operator, service, until)
    return told(visit, f"{service} is paused", [f"It is paused {ends}."], f"/queues/{service}")


def _until(chosen: str) -> datetime:
    span = _SPANS.get(chosen)
    return utc_now() + span if span else FOREVER


async def ask_resume(visit: Visit) -> Response:
    """Ask before it is resumed."""
    return ask(visit, _resume(visit, service_at(visit)))


async def resume(visit: Visit) -> Response:
    """Resume a queue."""
    service = service_at(visit)
    if wrong := mistake(visit, question := _resume(visit, service)):
        return ask(visit, question, wrong)
    async with doing(visit, "queues.resume", service, f"resume {service}", releases=True):
        await set_pause(visit.console.operator, service, None)
    return told(visit, f"{service} was resumed", ["Its workers get jobs again."], f"/queues/{service}")


ROUTES = (
    Route("GET", "/queues/{service}/pause", ask_pause, Right.PAUSE),
    Route("POST", "/queues/{service}/pause", pause, Right.PAUSE),
    Route("GET", "/queues/{service}/resume", ask_resume, Right.PAUSE),
    Route("POST", "/queues/{service}/resume", resume, Right.PAUSE),
)
