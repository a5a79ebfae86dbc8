"""The life of a job as one list of moments, from what was told of it and the places where it is."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from msgspec import UNSET

from nightshift.cli.queries.audit import RecordedAction
from nightshift.cli.queries.events import Told, not_before
from nightshift.cli.queries.location import Location
from nightshift.cli.terminal.formatting import brief, format_attempts
from nightshift.console.jobs.revivals import is_of_one
from nightshift.contract.job_events import JobEvent

Level = Literal["", "warning", "wrong"]
_WORDS = {
    "started": "attempt {n} has begun",
    "progress": "attempt {n} is under way",
    "done": "attempt {n} is done",
    "skipped": "attempt {n}: there was nothing to do",
    "retry": "attempt {n} failed, and it is tried again",
    "snooze": "attempt {n} was put off by its handler",
    "unavailable": "attempt {n}: something it needs was away; this costs no attempt",
    "handed-back": "attempt {n} was handed back: its worker stopped",
    "dead": "given up on after attempt {n}",
    "dead-letter-refused": "given up on, but its dead letter could not be stored yet",
}
LEVELS: dict[str, Level] = {"retry": "warning", "dead": "wrong", "dead-letter-refused": "wrong"}
_SAME = timedelta(seconds=5)
"""What is told of an end, and the end itself, are stamped by two clocks."""


class Moment(NamedTuple):
    """One moment in the life of a job."""

    at: datetime | None
    text: str
    detail: str
    level: Level
    seconds: float | None
    """How long the attempt had run."""


def timeline(
    job_id: str, told: Sequence[Told], places: Iterable[Location], revived: Iterable[RecordedAction] = ()
) -> list[Moment]:
    """Return the moments, the oldest first; `revived` are the redrives after its deaths."""
    places = list(places)
    told = [one for one in _newest_progress(told) if not any(_is_told_better(one, place) for place in places)]
    found = [_of_event(one) for one in told]
    made = not_before(job_id, clocks=timedelta())
    if made is not None:
        found.append(Moment(made, "published, as its id says", "", "", None))
    found += [_of_place(place) for place in places if not _is_told(place, told)]
    found += [_of_redrive(action) for action in revived]
    return sorted(found, key=lambda moment: moment.at.timestamp() if moment.at else 0)


def how_far(told: Sequence[Told]) -> Told | None:
    """Return how far a running job said to be; None if it is not told to run."""
    last = told[-1] if told else None
    return last if last is not None and not last.event.ends_attempt else None


def _newest_progress(told: Sequence[Told]) -> list[Told]:
    """Leave out what was overtaken: of an attempt that goes on, how far it was before."""
    return [
        one
        for number, one in enumerate(told)
        if one.event.what != "progress" or number + 1 == len(told) or told[number + 1].event.what != "progress"
    ]


def _of_event(told: Told) -> Moment:
    event = told.event
    text = _WORDS[event.what].format(n=event.attempt)
    if event.fraction is not UNSET:
        text += f": {event.fraction:.0%}"
    return Moment(told.at, text, _said(event), LEVELS.get(event.what, ""), event.ms / 1000 if event.ms else None)


def _of_redrive(action: RecordedAction) -> Moment:
    words = "redriven" if is_of_one(action) else "dead letters of its service were redriven"
    said = f"{action.what}; {action.reason}" if action.reason else action.what
    return Moment(action.at, f"{words} by {brief(action.who)}", said, "", None)


def _said(event: JobEvent) -> str:
    return "; ".join(text for text in (event.note, event.error) if text is not UNSET)


def _of_place(place: Location) -> Moment:
    attempt = format_attempts(place.attempt, place.most)
    match place.state:
        case "done":
            words = f"attempt {attempt} is done" if attempt else "done"
            return Moment(place.at, words, place.detail, "", None)
        case "cancelled":
            return Moment(place.at, "cancelled", place.detail, "", None)
        case "dead":
            return Moment(place.at, f"given up on after attempt {attempt}", place.detail, "wrong", None)
        case "scheduled" | "retrying":
            return Moment(place.at, f"attempt {attempt or 1} is due", "", "", None)
        case "outbox":
            return Moment(place.at, "written with its transaction, and not published yet", "", "warning", None)
        case _:
            return Moment(place.at, "published, or put back into its queue", "", "", None)


def _is_told(place: Location, told: Sequence[Told]) -> bool:
    """Return whether an event told of the same end, with how long it took."""
    return place.state == "done" and any(
        one.event.what in {"done", "skipped"} and _are_near(one.at, place.at) for one in told
    )


def _is_told_better(told: Told, place: Location) -> bool:
    """Return whether a place tells more of an end: a dead letter has its error in full."""
    return place.state == told.event.what == "dead" and _are_near(told.at, place.at)


def _are_near(one: datetime, other: datetime | None) -> bool:
    return other is not None and abs(one - other) < _SAME
