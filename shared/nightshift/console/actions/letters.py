"""One dead letter: let it run again, or remove it for good."""

from starlette.responses import Response

from nightshift.broker import direct_get
from nightshift.broker.message import StoredMessage
from nightshift.cli.actions.dlq_words import kind_and_job
from nightshift.cli.actions.redrive import Redrive, remove
from nightshift.cli.queries.dead_letters import Letter, letter_of
from nightshift.console.actions.acting import doing
from nightshift.console.actions.asking import Question, ask, mistake, told
from nightshift.console.rights import Right
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract import wire
from nightshift.topology.topology import dead_letter_stream

_DIGITS = 19


async def message_at(visit: Visit) -> StoredMessage:
    """Return the letter that the address names, as the broker has it.

    Raises:
        Refused: there is none.
    """
    console, service, text = visit.console, visit.path["service"], visit.path["sequence"]
    is_number = text.isascii() and text.isdecimal() and len(text) < _DIGITS and int(text) > 0
    if service not in console.letters.follower.services or not is_number:
        raise Refused(404, "There is no such dead letter.")
    message = await direct_get.read_at(console.connection, dead_letter_stream(service), int(text))
    if message is None:
        raise Refused(404, f"The dead letter {service}:{text} is gone: it was redriven or removed, or was too old.")
    return message


async def letter_at(visit: Visit) -> Letter:
    """Return the same, as it is read.

    Raises:
        Refused: there is none.
    """
    return letter_of(await message_at(visit), visit.path["service"])


def _facts(letter: Letter) -> dict[str, str]:
    return {"Type": letter.type, "Job": letter.job_id, "Reason": letter.reason, "Error": letter.error}


def called(letter: Letter) -> str:
    """Return what a letter is called in the record of actions, by which the page of its job finds it."""
    return f"{letter.ref} {kind_and_job(letter.type, letter.job_id)}"


def page_of(letter: Letter) -> str:
    """Return the path of a letter's page."""
    return f"/dead/{letter.ref.replace(':', '/')}"


def _redrive(letter: Letter) -> Question:
    where = wire.job_subject(letter.type)
    return Question(
        title=f"Redrive dead letter {letter.ref}",
        will=(
            f"It is published again on {where}, with the same job id and its attempts counted from the start.",
            "It is removed from the dead letters.",
            "If its job is done already, it has no second effect in the database.",
            "Whether the cause is mended is not looked at.",
        ),
        button="Redrive it",
        command=f"nightshift dlq redrive {letter.ref}",
        back=page_of(letter),
        facts=_facts(letter),
    )


def _discard(letter: Letter) -> Question:
    return Question(
        title=f"Discard dead letter {letter.ref}",
        will=("It is removed for good: its job never runs, and its body is lost.", "There is no way back."),
        button="Discard it for good",
        command=f"nightshift dlq purge {letter.ref}",
        back=page_of(letter),
        facts=_facts(letter),
        typed=letter.ref,
        danger=True,
        needs_reason=True,
    )


async def ask_redrive(visit: Visit) -> Response:
    """Ask before one is redriven."""
    return ask(visit, _redrive(await letter_at(visit)))


async def redrive(visit: Visit) -> Response:
    """Redrive one."""
    letter = await letter_at(visit)
    if wrong := mistake(visit, question := _redrive(letter)):
        return ask(visit, question, wrong)
    operator = visit.console.operator
    work = Redrive(visit.console.connection, await operator.publisher(), operator.objects())
    async with doing(visit, "dlq.redrive", letter.ref, f"redrive {called(letter)}", releases=True) as result:
        await work.one(letter)
        result.count = 1
    said = f"{letter.ref} was published again as a job of type {letter.type}: {letter.job_id or 'without an id'}."
    return told(visit, "Redriven", [said], "/dead")


async def ask_discard(visit: Visit) -> Response:
    """Ask before one is removed."""
    return ask(visit, _discard(await letter_at(visit)))


async def discard(visit: Visit) -> Response:
    """Remove one for good."""
    letter = await letter_at(visit)
    if wrong := mistake(visit, question := _discard(letter)):
        return ask(visit, question, wrong)
    async with doing(visit, "dlq.purge", letter.ref, f"delete {called(letter)}", releases=True) as result:
        result.count = int(await remove(visit.console.connection, letter.place))
    said = f"{letter.ref} was removed for good." if result.count else f"{letter.ref} had gone meanwhile."
    return told(visit, "Discarded", [said], "/dead")


ROUTES = (
    Route("GET", "/dead/{service}/{sequence}/redrive", ask_redrive, Right.REDRIVE),
    Route("POST", "/dead/{service}/{sequence}/redrive", redrive, Right.REDRIVE),
    Route("GET", "/dead/{service}/{sequence}/discard", ask_discard, Right.DISCARD),
    Route("POST", "/dead/{service}/{sequence}/discard", discard, Right.DISCARD),
)
