"""Many dead letters: the plan, beginning, stopping and going on."""

import re
from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from nightshift.cli.terminal.formatting import plural
from nightshift.console.actions.acting import action_of, audit_of, doing, insist_of
from nightshift.console.actions.asking import Question, ask, mistake
from nightshift.console.actions.bulk_plans import Plan, discard_question, facts, redrive_question
from nightshift.console.bulk.store import OthersError
from nightshift.console.bulk.work import AGREED_WITHIN, Bulk, Kind, State
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.instants import utc_now
from nightshift.messaging.publish_arguments import new_job_id

_GONE_ON = re.compile(r"; go on after [0-9,]+$")
_ID = re.compile(r"[0-9a-f]{31}")
_ELSEWHERE = "Another process of the console works on it, or has just done so. Try again in a moment."
_NOT_YET = "It stops before its next letter, but that is not kept yet: the broker is away, or another console works."
_ACTIONS: Mapping[Kind, str] = {"redrive": "dlq.redrive", "discard": "dlq.purge"}


def _ask(visit: Visit, plan: Plan, question: Question, error: str = "") -> Response:
    plan.check_some()
    return ask(visit, question._replace(facts=facts(plan.summary, plan.which), hidden=plan.hidden), error)


async def ask_redrive(visit: Visit) -> Response:
    """Show the plan of a redrive."""
    plan = Plan(visit)
    return _ask(visit, plan, redrive_question(plan))


async def redrive(visit: Visit) -> Response:
    """Begin a redrive."""
    plan = Plan(visit)
    return await _begin(visit, plan, redrive_question(plan), "redrive")


async def ask_discard(visit: Visit) -> Response:
    """Show what would be discarded."""
    plan = Plan(visit)
    return _ask(visit, plan, discard_question(plan))


async def discard(visit: Visit) -> Response:
    """Begin to discard."""
    plan = Plan(visit)
    return await _begin(visit, plan, discard_question(plan), "discard")


async def _begin(visit: Visit, plan: Plan, question: Question, kind: Kind) -> Response:
    runner, name = visit.console.bulks, visit.form.get("once", "")
    if not await runner.loaded(2):
        raise Refused(503, "What was begun before is not known yet. Try again in a moment.")
    if runner.find(name) is not None:  # the form was sent twice
        return RedirectResponse(visit.url(f"/bulk/{name}"), 303)
    if wrong := mistake(visit, question):
        return _ask(visit, plan, question, wrong)
    plan.check_some()
    action = action_of(visit, _ACTIONS[kind], plan.services, plan.what(kind), releases=True)
    audit = audit_of(visit)
    intent = await audit.begin(action, insist_of(visit))
    bulk = Bulk(
        id=name if _ID.fullmatch(name) else new_job_id(),
        kind=kind,
        begun=utc_now(),
        who=intent.who,
        reason=intent.reason,
        wanted=plan.wanted,
        until=plan.until,
        total=plan.summary.letters,
        per_second=float(visit.form["rate"]) if kind == "redrive" else 0.0,
        canary=int(float(visit.form["canary"])) if kind == "redrive" else 0,
        share=float(visit.form["share"]) / 100 if kind == "redrive" else 0.0,
        intent=intent,
        state=_first_state(visit, kind, plan.summary.letters),
    )
    try:
        await runner.begin(bulk)
    except Exception as error:
        await audit.end(intent, "failed", 0, str(error))
        raise
    return RedirectResponse(visit.url(f"/bulk/{bulk.id}"), 303)


def _first_state(visit: Visit, kind: Kind, letters: int) -> State:
    if kind == "redrive":
        return "canary"
    most = visit.console.settings.console_two_person
    return "asked" if 0 < most <= letters else "running"


async def show_all(visit: Visit) -> Response:
    """Show all that are kept."""
    runner = visit.console.bulks
    known = await runner.loaded(2)
    return page(
        visit, "bulks.html.j2", command="nightshift audit list --action 'dlq.*'", bulks=runner.bulks, known=known
    )


async def _bulk_at(visit: Visit) -> Bulk:
    runner = visit.console.bulks
    if not await runner.loaded(2):
        raise Refused(503, "What was begun is not known yet. Try again in a moment.")
    bulk = runner.find(visit.path["id"])
    if bulk is None:
        raise Refused(404, "There is no such redrive: they are kept for 90 days.")
    return bulk


async def show(visit: Visit) -> Response:
    """Show one: its plan, how far it is, and what became of its jobs."""
    bulk = await _bulk_at(visit)
    return page(visit, "bulk.html.j2", command=f"nightshift audit list --on {bulk.intent.on}", bulk=bulk)


async def stop(visit: Visit) -> Response:
    """Stop one before its next letter."""
    bulk = await _bulk_at(visit)
    person = visit.person.name if visit.person else ""
    runner = visit.console.bulks
    if not await runner.stop(bulk, f"{person} stopped it"):
        raise Refused(503, _NOT_YET)
    return RedirectResponse(visit.url(f"/bulk/{bulk.id}"), 303)


def _going_on(bulk: Bulk) -> Question:
    return Question(
        title=f"Go on with the redrive of {plural(bulk.total, 'dead letter')}",
        will=(
            f"What it has not come to yet runs again, with the same job ids: {plural(bulk.rest, 'letter')}.",
            f"First comes a new canary of {min(bulk.canary, bulk.rest):,}; the others wait for its outcome.",
            "It goes on whether a page is open or not, and stops by itself when too many fail again.",
            "Whether the cause is mended is not looked at.",
        ),
        button="Go on",
        command="",
        back=f"/bulk/{bulk.id}",
        facts={"Which": bulk.intent.what, "It was stopped": bulk.why},
    )


async def ask_go_on(visit: Visit) -> Response:
    """Ask before a redrive that was stopped goes on."""
    bulk = await _bulk_at(visit)
    if not bulk.may_go_on:
        return RedirectResponse(visit.url(f"/bulk/{bulk.id}"), 303)
    return ask(visit, _going_on(bulk))


async def go_on(visit: Visit) -> Response:
    """Go on with a redrive that was stopped, beginning with a new canary."""
    bulk = await _bulk_at(visit)
    if bulk.may_go_on:
        if wrong := mistake(visit, question := _going_on(bulk)):
            return ask(visit, question, wrong)
        what = f"{_GONE_ON.sub('', bulk.intent.what)}; go on after {bulk.acted:,}"
        action = action_of(visit, _ACTIONS[bulk.kind], bulk.intent.on, what, releases=True)
        audit = audit_of(visit)
        intent = await audit.begin(action, insist_of(visit))
        try:
            if not await visit.console.bulks.go_on(bulk, intent):
                await audit.end(intent, "stopped", 0, "somebody else has just done so")
        except Exception as error:
            await audit.end(intent, "failed", 0, str(error))
            if isinstance(error, OthersError):
                raise Refused(503, _ELSEWHERE) from None
            raise
    return RedirectResponse(visit.url(f"/bulk/{bulk.id}"), 303)


async def agree(visit: Visit) -> Response:
    """Agree to what somebody else has asked for."""
    bulk = await _bulk_at(visit)
    if visit.person is None or visit.person.name.casefold() == bulk.who.casefold():
        raise Refused(403, "Somebody else has to agree: that is what a second person is for.")
    if bulk.state == "asked" and utc_now() - bulk.begun > AGREED_WITHIN:
        raise Refused(400, "It was asked for more than a day ago. Begin anew.")
    if bulk.state == "asked":
        async with doing(visit, "dlq.agree", bulk.intent.on, f"agree that {bulk.who} may {bulk.intent.what}"):
            try:
                await visit.console.bulks.agree(bulk)
            except OthersError:
                raise Refused(503, _ELSEWHERE) from None
    return RedirectResponse(visit.url(f"/bulk/{bulk.id}"), 303)


ROUTES = (
    Route("GET", "/dead/redrive", ask_redrive, Right.REDRIVE),
    Route("POST", "/dead/redrive", redrive, Right.REDRIVE),
    Route("GET", "/dead/discard", ask_discard, Right.DISCARD),
    Route("POST", "/dead/discard", discard, Right.DISCARD),
    Route("GET", "/bulk", show_all, Right.LOOK),
    Route("GET", "/bulk/{id}", show, Right.LOOK),
    Route("POST", "/bulk/{id}/stop", stop, Right.REDRIVE),
    Route("GET", "/bulk/{id}/go-on", ask_go_on, Right.REDRIVE),
    Route("POST", "/bulk/{id}/go-on", go_on, Right.REDRIVE),
    Route("POST", "/bulk/{id}/agree", agree, Right.DISCARD),
)
