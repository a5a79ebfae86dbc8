"""One dead letter with another body: the one that it has is shown for a reason, and the new one is checked first."""

from starlette.responses import Response

from nightshift.cli.actions.redrive import Redrive
from nightshift.cli.client.contract import check_body
from nightshift.cli.queries.dead_letters import Letter
from nightshift.cli.terminal.exit_codes import UsageError
from nightshift.console.actions.acting import doing
from nightshift.console.actions.asking import MOST_REASON, told
from nightshift.console.actions.letters import called, letter_at, page_of
from nightshift.console.jobs.body import as_text, not_editable
from nightshift.console.rights import Right
from nightshift.console.web.forms import as_written
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.messaging.outbound import JobTooLargeError


async def ask(visit: Visit) -> Response:
    """Ask why somebody needs to see the body; one that was written before a session ended is there again."""
    return _form(visit, await _letter(visit), text=visit.form.get("body"))


async def edit(visit: Visit) -> Response:
    """Show the body for a reason; redrive the letter with what came back, if it keeps the contract."""
    letter, reason = await _letter(visit), visit.form.get("reason", "").strip()
    if not reason or len(reason) > MOST_REASON:
        return _form(visit, letter, error=f"Say why, in at most {MOST_REASON} characters.")
    if "body" not in visit.form:
        async with doing(visit, "jobs.reveal", letter.ref, f"look at the body of {letter.ref} ({letter.type})"):
            pass  # it was read, and is shown only if that is recorded
        return _form(visit, letter, text=as_text(letter.message.body))
    text = as_written(visit.form["body"])
    try:
        check_body(visit.console.operator.catalogue.messages, letter.type, text.encode())
        return await _redrive(visit, letter, text.encode())
    except (UsageError, JobTooLargeError) as wrong:
        return _form(visit, letter, text=text, error=str(wrong))
    except UnicodeEncodeError:
        return _form(visit, letter, text=text, error="The body has a character that no text can have.")


async def _letter(visit: Visit) -> Letter:
    """Return the letter that the address names, if its body may be edited here."""
    if visit.person is None or not visit.person.may(Right.REVEAL):
        raise Refused(403, "Whoever edits a body sees it, which needs the right reveal.")
    letter = await letter_at(visit)
    if problem := cannot_edit(visit, letter):
        raise Refused(400, f"{problem} At the command line: nightshift dlq redrive {letter.ref} --body @body.json")
    return letter


def cannot_edit(visit: Visit, letter: Letter) -> str:
    """Return why the body of a letter cannot be edited here; empty if it can."""
    if letter.type not in visit.console.operator.catalogue.sent_by_people():
        return "What third parties and schedules say is not edited."
    return not_editable(letter.message)


async def _redrive(visit: Visit, letter: Letter, body: bytes) -> Response:
    operator = visit.console.operator
    work = Redrive(visit.console.connection, await operator.publisher(), operator.objects())
    what = f"redrive {called(letter)} with another body"
    async with doing(visit, "dlq.redrive", letter.ref, what, releases=True) as result:
        await work.one(letter, body)
        result.count = 1
    said = f"{letter.ref} was published again as a job of type {letter.type}, with the body that you wrote."
    return told(visit, "Redriven", [said], "/dead")


def _form(visit: Visit, letter: Letter, *, text: str | None = None, error: str = "") -> Response:
    return page(
        visit,
        "edit.html.j2",
        status=400 if error else 200,
        command=f"nightshift dlq redrive {letter.ref} --body @body.json",
        letter=letter,
        back=page_of(letter),
        text=text,
        error=error,
    )


ROUTES = (
    Route("GET", "/dead/{service}/{sequence}/edit", ask, Right.REDRIVE),
    Route("POST", "/dead/{service}/{sequence}/edit", edit, Right.REDRIVE),
)
