"""One job: take it back before it runs, or stop it where it runs, and say which it was.

What waits in its queue is found by the message that a page names: nothing reads a whole queue.
"""

import shlex
from urllib.parse import urlencode

from starlette.responses import Response

from nightshift.broker import direct_get
from nightshift.cli.actions.jobs_cancel import take_back, worker_said
from nightshift.cli.queries.job_search import later_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.terminal.formatting import format_instant
from nightshift.console.actions.acting import doing
from nightshift.console.actions.asking import Question, ask, mistake, told
from nightshift.console.rights import Right
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract import wire
from nightshift.topology.topology import queue_stream
from nightshift.worker.in_flight import job_of

_STOP_SECONDS = 10.0
"""For a handler to give back what it holds."""
_LONGEST = 500
_DIGITS = 19


async def _place(visit: Visit) -> Location:
    """Return where the job is: waiting for its time, at its message in the queue, or else maybe with a worker."""
    job_type, job_id = (visit.query.get(name, "")[:_LONGEST] for name in ("type", "id"))
    if job_type not in visit.console.operator.catalogue.messages or not job_id:
        raise Refused(400, "Name a job: its type and its id.")
    async for place in later_locations(visit.console.operator, job_type, job_id):
        return place
    service, text = wire.service_of(job_type), visit.query.get("message", "")
    if text.isascii() and text.isdecimal() and len(text) < _DIGITS and int(text):
        stream, sequence = queue_stream(service), int(text)
        message = await direct_get.read_at(visit.console.connection, stream, sequence)
        if message is not None and job_of(service, message).id == job_id:
            return Location(
                state="waiting",
                type=job_type,
                job_id=job_id,
                where=f"{stream}, message {sequence:,}",
                stream=stream,
                sequence=sequence,
            )
    return Location(state="in flight", type=job_type, job_id=job_id, where="")


def _question(place: Location) -> Question:
    states = {
        "scheduled": f"It waits for its time, {format_instant(place.at)}: it is taken back, and never runs.",
        "retrying": f"It waits for its next attempt, {format_instant(place.at)}: it is taken back, and never runs.",
        "waiting": f"It is in its queue ({place.where}): it is taken back, and never runs. If a worker has it by then, "
        "it is stopped there.",
    }
    unknown = (
        "It does not wait for its time. If a worker has it, that stops it: its handler is cancelled, nothing of it is "
        "committed, and it becomes a dead letter with the reason cancelled. If it waits in its queue, cancel it from "
        "the queue's page, which knows its message."
    )
    return Question(
        title=f"Cancel job {place.job_id}",
        will=(states.get(place.state, unknown), "What it has done outside the database is not undone."),
        button="Cancel it",
        command=f"nightshift jobs cancel {shlex.quote(place.job_id)} --type {place.type}",
        back=f"/jobs/{place.type}?{urlencode({'id': place.job_id})}",
        facts={"Type": place.type, "Job": place.job_id, "State": place.state if place.where else "not known"},
        danger=True,
    )


async def ask_cancel(visit: Visit) -> Response:
    """Ask, and say where it is."""
    return ask(visit, _question(await _place(visit)))


async def cancel(visit: Visit) -> Response:
    """Cancel one, and say honestly what was stopped and what was not."""
    place = await _place(visit)
    if wrong := mistake(visit, question := _question(place)):
        return ask(visit, question, wrong)
    what = f"cancel job {place.job_id}: {place.type} ({place.state})"
    async with doing(visit, "jobs.cancel", place.job_id, what) as result:
        did, said = await _cancel(visit, place)
        result.count = int(did)
    if did:
        return told(visit, "Cancelled", [f"Job {place.job_id}: {said}."], question.back)
    return told(visit, "Not cancelled", [f"Job {place.job_id} {said}."], question.back, "warning")


async def _cancel(visit: Visit, place: Location) -> tuple[bool, str]:
    context = visit.console.operator
    if place.where and await take_back(context, place):
        return True, "it was taken back before it ran"
    event = await visit.console.watch.stop(place.type, place.job_id, seconds=_STOP_SECONDS)
    if event is None:
        return False, (
            "was not found with a worker, nor waiting for its time: it has ended, waits in its queue, or its worker "
            "has just died; then another has it within 30 seconds"
        )
    did, said = await worker_said(context, place, event)
    return did in {"removed", "stopped"}, said


ROUTES = (
    Route("GET", "/cancel", ask_cancel, Right.CANCEL),
    Route("POST", "/cancel", cancel, Right.CANCEL),
)
