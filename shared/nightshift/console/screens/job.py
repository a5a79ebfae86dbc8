"""One job: its state, its life attempt by attempt, what came of it, its headers, and its body as far as allowed."""

import shlex
from urllib.parse import quote

from starlette.responses import Response

from nightshift.broker import direct_get
from nightshift.cli.terminal.formatting import brief
from nightshift.console.actions.acting import doing
from nightshift.console.context import ConsoleContext
from nightshift.console.figures.shared_answers import Question
from nightshift.console.jobs.body import as_text, in_full, masked, not_editable
from nightshift.console.jobs.life import Life, life_of
from nightshift.console.jobs.places import LOOKED_THROUGH, body_streams, type_in
from nightshift.console.jobs.timeline import how_far, timeline
from nightshift.console.links import links
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.parameters import sequence
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract import wire
from nightshift.observability.log import get_logger

_REQUESTS = 12
_LONGEST_ID = 1_000
_LONGEST_REASON = 300
_log = get_logger("console")


async def show(visit: Visit) -> Response:
    """Show a job of a type, by the id in the address."""
    console, job_type, job_id = visit.console, visit.path["type"], visit.query.get("id", "")
    if not job_id or len(job_id) > _LONGEST_ID:
        raise Refused(404, "The address of a job ends in ?id= and its id.")
    _check_type(console, job_type)
    before, wanted = sequence(visit.query.get("before", "")) or None, visit.query.get("search")
    search = None if wanted is None else (sequence(wanted), LOOKED_THROUGH)
    life = await console.answers.of(
        Question(("job", job_type, job_id, before, search), _REQUESTS),
        lambda: life_of(console, job_type, job_id, before=before, search=search),
    )
    copy = life.copy
    return page(
        visit,
        "job.html.j2",
        command=f"nightshift jobs find {shlex.quote(job_id)} --type {shlex.quote(job_type)}",
        life=life,
        job_path=f"/jobs/{quote(job_type, safe='')}",
        moments=timeline(job_id, life.history.told, life.places, life.revived),
        progress=how_far(life.history.told),
        headers=_headers(life),
        body=masked(copy.body, console.operator.catalogue.messages.get(job_type)) if copy is not None else None,
        claim=copy.headers.get(wire.CLAIM, "") if copy is not None else "",
        size=len(copy.body) if copy is not None else 0,
        links=links(console.settings.console_links, _values(life)),
        can_cancel=_can_cancel(visit, life),
        message=life.copy.sequence if life.copy is not None and life.state in {"waiting", "in flight"} else None,
        may_reveal=visit.may(Right.REVEAL),
    )


async def reveal(visit: Visit) -> Response:
    """Show the body of a stored job or dead letter in full, once a reason was given; who did it is logged."""
    console, form = visit.console, visit.form
    stream, at, reason = form.get("stream", ""), sequence(form.get("sequence", "")), form.get("reason", "").strip()
    if stream not in body_streams(console) or not at:
        raise Refused(400, "There is no such place of a body.")
    if not reason or len(reason) > _LONGEST_REASON:
        raise Refused(400, f"Say why you need to see the body, in at most {_LONGEST_REASON} characters.")
    message = await direct_get.read_at(console.connection, stream, at)
    if message is None:
        raise Refused(404, "The job is no longer there: it was done, redriven or purged meanwhile.")
    job_type, job_id = type_in(message), message.headers.get(wire.JOB_ID, "")
    who = visit.person.name if visit.person else ""
    on = job_id or f"{stream}, message {at}"
    async with doing(visit, "jobs.reveal", on, f"look at the body of {brief(job_type)} {brief(on)}"):
        pass  # what is looked at was read, and is shown only if that is recorded
    _log.warning(
        "body_revealed",
        f"{who} looked at the body of {brief(job_type)} {brief(job_id)}: {brief(reason)}",
        person=who,
        type=job_type,
        job_id=job_id,
        stream=stream,
        sequence=at,
        reason=reason,
    )
    text, is_cut = in_full(message.body)
    return page(
        visit,
        "body.html.j2",
        type=job_type,
        job_id=job_id,
        text=text,
        is_cut=is_cut,
        size=len(message.body),
        may_send=visit.may(Right.SEND) and job_type in console.operator.catalogue.sent_by_people(),
        not_again=not_editable(message),
        again=as_text(message.body),
        tenant=message.headers.get(wire.TENANT, ""),
    )


def _check_type(console: ConsoleContext, job_type: str) -> None:
    """Let pass the types of services that there are, with or without a contract."""
    service = wire.service_of(job_type)
    plain = len(job_type) <= wire.MAX_ID_BYTES and job_type.isascii() and not set(job_type) & set("*> \t\r\n")
    if service not in console.services or not plain or "." not in job_type:
        known = ", ".join(sorted(console.operator.catalogue.messages))
        raise Refused(404, f"There is no job type {job_type[:80]!r}. There are: {known}.")


def _values(life: Life) -> dict[str, str]:
    tenant = life.entry.tenant if life.entry is not None else None
    return {"type": life.type, "id": life.job_id, "tenant": tenant or "", "trace": life.trace}


def _can_cancel(visit: Visit, life: Life) -> bool:
    known = life.type in visit.console.operator.catalogue.messages
    return known and visit.may(Right.CANCEL) and life.state in {"waiting", "in flight", "retrying", "scheduled"}


def _headers(life: Life) -> dict[str, str]:
    return dict(life.copy.headers.items()) if life.copy is not None else {}


ROUTES = (
    Route("GET", "/jobs/{type}", show, Right.LOOK),
    Route("POST", "/bodies", reveal, Right.REVEAL),
)
