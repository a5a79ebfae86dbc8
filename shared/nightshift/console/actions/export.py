"""Many dead letters as a file: each in full on a line of its own, as the command line shows it with `--json`."""

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response, StreamingResponse

from nightshift.cli.actions.dlq_show import whole
from nightshift.cli.queries.dead_letters import letters_at
from nightshift.cli.terminal.formatting import plural
from nightshift.console.actions.acting import action_of, audit_of, insist_of
from nightshift.console.actions.asking import Question, ask, mistake
from nightshift.console.actions.bulk_plans import Plan, facts
from nightshift.console.letters.selection import places
from nightshift.console.rights import Right
from nightshift.console.web.visit import Route, Visit
from nightshift.contract.audit import AuditEntry, Turn
from nightshift.messaging.audit import Audit

_BATCH = 100


def _question(plan: Plan) -> Question:
    count = plan.summary.letters
    return Question(
        title=f"Download {plural(count, 'dead letter')}",
        will=(
            "A file of JSON lines, one for each: its error, its headers and its body, with whatever is in it.",
            "They stay where they are. Whoever has the file has what is in it: keep it as you keep the database.",
        ),
        button=f"Download {plural(count, 'letter')}",
        command=plan.command("show", "--json"),
        back="/dead",
        back_to=plan.wanted._asdict(),
        facts=facts(plan.summary, plan.which),
        hidden=plan.hidden,
        needs_reason=True,
    )


def _plan(visit: Visit) -> Plan:
    plan = Plan(visit)
    plan.check_some()
    return plan


async def ask_export(visit: Visit) -> Response:
    """Ask why somebody needs to have them."""
    return ask(visit, _question(_plan(visit)))


async def export(visit: Visit) -> Response:
    """Send the file; who has it, and why, is recorded."""
    plan = _plan(visit)
    if wrong := mistake(visit, question := _question(plan)):
        return ask(visit, question, wrong)
    action = action_of(visit, "dlq.export", plan.services, plan.what("download"), releases=False)
    audit = audit_of(visit)
    intent = await audit.begin(action, insist_of(visit))
    headers = {"Content-Disposition": 'attachment; filename="dead-letters.jsonl"'}
    return StreamingResponse(_recorded(visit, plan, audit, intent), media_type="application/x-ndjson", headers=headers)


async def _recorded(visit: Visit, plan: Plan, audit: Audit, intent: AuditEntry) -> AsyncIterator[bytes]:
    """Yield the file; record how much of it was sent, also if its reader has gone."""
    turn: Turn = "stopped"
    count = 0
    try:
        async for line in _lines(visit, plan):
            yield line
            count += 1
        turn = "done"
    finally:
        await audit.end(intent, turn, count)


async def _lines(visit: Visit, plan: Plan) -> AsyncIterator[bytes]:
    console = visit.console
    messages, index, after = console.operator.catalogue.messages, console.letters.index, dict[str, int]()
    while batch := places(index, plan.wanted, plan.until, after, _BATCH):
        async for letter in letters_at(console.connection, batch):
            yield msgspec.json.encode(whole(letter, messages)) + b"\n"
        after[batch[-1].service] = batch[-1].sequence


ROUTES = (
    Route("GET", "/dead/export", ask_export, Right.DISCARD),
    Route("POST", "/dead/export", export, Right.DISCARD),
)
