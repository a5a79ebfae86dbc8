"""Dead letters: in groups by error, found by service, type, reason and text; and one in full, but for its body."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from starlette.responses import Response

from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.dead_letters import letter_of
from nightshift.console.actions.edited import cannot_edit
from nightshift.console.actions.letters import message_at
from nightshift.console.context import ConsoleContext
from nightshift.console.letters.fingerprint import fingerprint, pattern_of
from nightshift.console.letters.group import Group
from nightshift.console.letters.index import PAGE
from nightshift.console.letters.wanted import Wanted
from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract import wire

_GROUPS = 20
_LONGEST = 300
_DIGITS = 19


async def show(visit: Visit) -> Response:
    """Show groups and letters."""
    await visit.console.sampler.current()  # which is what the index follows
    letters = visit.console.letters
    wanted = Wanted(**{name: visit.query.get(name, "")[:_LONGEST] for name in Wanted._fields})
    try:
        found = letters.index.page(wanted, visit.query.get("before", ""))
    except ValueError:
        raise Refused(400, "There is no such place in the list of dead letters.") from None
    groups = [] if wanted.group else letters.index.groups(wanted)
    return page(
        visit,
        "dead.html.j2",
        command=_command(wanted),
        progress=letters.follower.progress,
        wanted=wanted,
        groups=groups[:_GROUPS],
        groups_in_all=len(groups),
        group=letters.index.group(wanted.group) if wanted.group else None,
        count=letters.index.count(wanted) if any(wanted) else None,
        letters=found,
        more=found[-1].place if len(found) == PAGE else None,
        services={name: letters.index.counts.get(name, 0) for name in letters.follower.services},
        reasons=_by_reason(letters.index.groups(Wanted(service=wanted.service))),
    )


async def show_one(visit: Visit) -> Response:
    """Show one letter as the broker has it."""
    console, service = visit.console, visit.path["service"]
    message = await message_at(visit)
    letter = letter_of(message, service)
    pattern = pattern_of(letter.error)
    return page(
        visit,
        "letter.html.j2",
        command=f"nightshift dlq show {letter.ref}",
        letter=letter,
        most=_attempts(console, letter.type),
        headers=_headers(message),
        is_editable=visit.may(Right.REDRIVE) and visit.may(Right.REVEAL) and not cannot_edit(visit, letter),
        size=len(message.body),
        group=console.letters.index.group(fingerprint(service, letter.reason, pattern)),
    )


def _by_reason(groups: Sequence[Group]) -> Mapping[str, int]:
    found = Counter[str](dict.fromkeys(wire.REASONS, 0))
    for group in groups:
        found[group.reason] += group.count
    return {reason: count for reason, count in found.items() if reason}


def _command(wanted: Wanted) -> str:
    options = [("service", wanted.service), ("type", wanted.type), ("reason", wanted.reason), ("error", wanted.error)]
    return " ".join(["nightshift dlq list", *(f"--{name} {shlex.quote(value)}" for name, value in options if value)])


def _attempts(console: ConsoleContext, job_type: str) -> int | None:
    known = console.operator.catalogue.messages.get(job_type)
    return known.RETRIES.most if known else None


def _headers(message: StoredMessage) -> Mapping[str, str]:
    return {name: value for name, value in message.headers.items() if not name.startswith(wire.DEAD_PREFIX)}


ROUTES = (
    Route("GET", "/dead", show, Right.LOOK),
    Route("GET", "/dead/{service}/{sequence}", show_one, Right.LOOK),
)
