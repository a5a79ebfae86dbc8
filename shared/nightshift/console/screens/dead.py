"""Dead letters: in groups by error, found by service, type, reason and text; and one in full, but for its body."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from starlette.responses import Response

from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.dead_letters import letter_of
from nightshift.cli.terminal.formatting import format_instant, format_span
from nightshift.console.actions.edited import cannot_edit
from nightshift.console.actions.letters import message_at
from nightshift.console.context import ConsoleContext
from nightshift.console.letters.deaths import deaths
from nightshift.console.letters.fingerprint import fingerprint, pattern_of
from nightshift.console.letters.group import Group
from nightshift.console.letters.index import PAGE, LetterIndex
from nightshift.console.letters.wanted import Wanted
from nightshift.console.rights import Right
from nightshift.console.screens.sparkline import WIDTH, Sparkline, sparkline
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.contract import wire
from nightshift.instants import utc_now

_GROUPS = 20
_STEPS = WIDTH
"""Of the time that a group's line shows."""
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
    group = letters.index.group(wanted.group) if wanted.group else None
    shown = [group] if group else groups[:_GROUPS]
    return page(
        visit,
        "dead.html.j2",
        command=_command(wanted),
        progress=letters.follower.progress,
        wanted=wanted,
        groups=groups[:_GROUPS],
        groups_in_all=len(groups),
        group=group,
        lines=_lines(letters.index, shown),
        began={one.name: visit.console.sampler.workers.began_with(one.service, one.first) for one in shown},
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


def _lines(index: LetterIndex, groups: Sequence[Group]) -> Mapping[str, Sparkline | None]:
    """Return when the letters of each group died, all over the same time: from the first of them until now."""
    if not groups:
        return {}
    since = min(group.first for group in groups)
    until = max(utc_now(), *(group.last for group in groups)) + timedelta(seconds=1)
    words = f"died since {format_instant(since)}: at most {{most:,}} in {format_span((until - since) / _STEPS)}"
    return {one.name: sparkline(deaths(index, one.name, since, until, _STEPS), words) for one in groups}


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
