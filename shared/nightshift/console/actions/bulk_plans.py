"""What redriving or discarding many dead letters would do: which they are, frozen, and what is asked."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta

from nightshift.cli.terminal.formatting import brief, format_instant, format_span, plural
from nightshift.console.actions.asking import Number, Offer, Question
from nightshift.console.letters.selection import Summary, newest_of_each, summary
from nightshift.console.letters.wanted import Wanted
from nightshift.console.web.parameters import instant
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Visit

_LONGEST = 300
_CHANGED = "The form is not as it was sent: open the plan again."
_ONLY = "only-"
"""Begins the names of the fields of a form that are the filter: the reason of a death is not why somebody acts."""
_CANARY = Number("canary", "Canary: letters that run first", "10", "1", "1000", "The others wait for their outcome.")
_SHARE = Number("share", "Percent that have to be done", "80", "1", "100", "Below that it stops by itself.")
_RATE = Number("rate", "Letters a second", "100", "0.1", "1000", "After the canary.")


class Plan:
    """What a form is about: a frozen set of letters."""

    def __init__(self, visit: Visit) -> None:
        index, follower = visit.console.letters.index, visit.console.letters.follower
        given, prefix = (visit.form, _ONLY) if visit.request.method == "POST" else (visit.query, "")
        if prefix and not given.get("bounds"):  # of nothing that was shown: it would be all of them
            raise Refused(400, _CHANGED)
        shown = _bounds(given.get("bounds", ""))
        progress = follower.progress
        all_known = progress.share == 1 and progress.known >= progress.there and not progress.error
        if not (follower.has_read(shown) if shown else all_known):
            known = f"{progress.known:,} of {progress.there:,} dead letters are known yet. Try again in a moment."
            raise Refused(503, known, headers={"Retry-After": "2"})
        wanted = Wanted(**{name: given.get(prefix + name, "")[:_LONGEST] for name in Wanted._fields})
        self.wanted = wanted._replace(since=_absolute(wanted.since), until=_absolute(wanted.until))
        self.until = shown or newest_of_each(index)
        self.summary = summary(index, self.wanted, self.until)
        self.group = index.group(self.wanted.group) if self.wanted.group else None

    @property
    def which(self) -> str:
        """The filter in words."""
        words = [f"{name} {value!r}" for name, value in self.wanted._asdict().items() if value and name != "group"]
        if self.wanted.group:
            words.append(f"the fault {brief(self.group.pattern, 120)!r}" if self.group else "a fault that is gone")
        return ", ".join(words) or "all of them"

    @property
    def services(self) -> str:
        """Whose letters they are."""
        return ", ".join(sorted({one.service for one in self.summary.kinds}))

    def what(self, verb: str) -> str:
        """Return what is done with them, in words."""
        return f"{verb} {plural(self.summary.letters, 'dead letter')}: {self.which}"

    def check_some(self) -> None:
        """Refuse what is about nothing.

        Raises:
            Refused: no letter matches any more.
        """
        if not self.summary.letters:
            raise Refused(404, "No dead letter matches any more.")

    @property
    def hidden(self) -> Mapping[str, str]:
        """What the form carries, so that the set stays the one that was shown."""
        bounds = ",".join(f"{service}:{sequence}" for service, sequence in sorted(self.until.items()))
        return {**{_ONLY + name: value for name, value in self.wanted._asdict().items()}, "bounds": bounds}

    def command(self, verb: str, *more: str) -> str:
        """Return the command that does it without canary and brake; empty for what the command line cannot select."""
        wanted = self.wanted
        if wanted.group or wanted.tenant or wanted.since or wanted.until:
            return ""
        named = [(name, getattr(wanted, name)) for name in ("service", "type", "reason", "error")]
        options = " ".join(f"--{name} {shlex.quote(value)}" for name, value in named if value)
        return " ".join(["nightshift dlq", verb, options or "--all", *more])


def _absolute(text: str) -> str:
    """Return a time as an instant: an hour before now is another one later."""
    at = instant(text)
    return at.isoformat() if at else ""


def _bounds(text: str) -> dict[str, int]:
    found = dict[str, int]()
    for part in text.split(",") if text else ():
        service, _, number = part.partition(":")
        if not (number.isascii() and number.isdecimal() and len(number) < 19):  # noqa: PLR2004 - the largest sequence
            raise Refused(400, _CHANGED)
        found[service] = int(number)
    return found


def redrive_question(plan: Plan) -> Question:
    """Return what is asked before they run again."""
    count, command = plan.summary.letters, plan.command("redrive")
    return Question(
        title=f"Redrive {plural(count, 'dead letter')}",
        will=(
            "First the canary: the oldest of them run again, and the others wait until enough of those jobs are done.",
            "Then the others, at this rate. It stops by itself when too many of the last 50 jobs fail again.",
            "What dies from now on is not touched. A job that is done already has no second effect in the database.",
            f"At 100 a second it takes about {format_span(timedelta(seconds=max(1, count // 100)))}.",
            *(["The command below does it without canary and brake."] if command else ()),
        ),
        button=f"Redrive {plural(count, 'letter')}",
        command=command,
        back="/dead",
        back_to=plan.wanted._asdict(),
        fields=(_CANARY, _SHARE, _RATE),
    )


def discard_question(plan: Plan) -> Question:
    """Return what is asked before they are removed."""
    count = plan.summary.letters
    return Question(
        title=f"Discard {plural(count, 'dead letter')}",
        will=(
            "They are removed for good: their jobs never run, and their bodies are lost. There is no way back.",
            "What dies from now on is not touched.",
        ),
        button=f"Discard {plural(count, 'letter')} for good",
        command=plan.command("purge"),
        back="/dead",
        back_to=plan.wanted._asdict(),
        offer=Offer("Download them first…", "/dead/export", plan.wanted._asdict()),
        typed=str(count),
        danger=True,
        needs_reason=True,
    )


def facts(found: Summary, which: str) -> dict[str, str | Sequence[str]]:
    """Return what is shown of a set of letters."""
    kinds = ", ".join(f"{kind.letters:,} {kind.type} ({kind.reason or 'no reason'})" for kind in found.kinds[:8])
    return {
        "Which": which,
        "Of which": kinds + (", …" if len(found.kinds) > 8 else ""),  # noqa: PLR2004 - as many as can be read
        "Oldest": format_instant(found.oldest),
        "Newest": format_instant(found.newest),
        "Some of them": [f"{row.service}:{row.sequence} {brief(row.error, 160)}" for row in found.samples],
    }
