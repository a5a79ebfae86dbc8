"""What was sent and what became of it; whatever breaks a promise is named. Pure: it reads no stream and no table."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from nightshift.contract.wire import safe_token
from tests.chaos.messages import DEAD, EFFECT, FollowChaos, RunChaos

Answer = Literal["tried", "accepted", "refused"]
"""`tried`: its answer was lost, it may exist; `refused`: every answer was no, it must not exist."""
Work = tuple[str, str]
"""Job type and job id."""
_SHOWN = 8


@dataclass
class Sent:
    """A job that a producer sent, once or several times."""

    kind: str
    follow_ups: int = 0
    answer: Answer = "tried"


@dataclass
class Facts:
    """What is found when all is quiet."""

    effects: Counter[Work] = field(default_factory=Counter)
    dead: dict[Work, list[str]] = field(default_factory=dict)
    """Reasons of the dead letters of a job."""
    done: frozenset[Work] = frozenset()
    """What has an inbox row; ids are the safe tokens."""
    events: Counter[str] = field(default_factory=Counter)
    """How often each `<schedule>@<due time>` was announced."""
    left: dict[str, int] = field(default_factory=dict)
    """Messages, or outbox rows, that are still somewhere."""
    dropped: frozenset[str] = frozenset()
    """Events that the stream dropped after the alert had said that nobody takes them."""


def breaches(sent: Mapping[str, Sent], facts: Facts) -> list[str]:
    """Returns every broken promise in a sentence; none is good."""
    found = [
        *_jobs(sent, facts),
        *_follow_ups(sent, facts),
        *_events(facts),
        *_strangers(sent, facts),
        *(f"{count} left in {place}" for place, count in facts.left.items() if count),
    ]
    return [*found[:_SHOWN], f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else found


def follow_ups_of(job_id: str, sent: Sent) -> list[Work]:
    """The follow-ups that a parent has once it is committed."""
    parent = f"chaos/{RunChaos.TYPE}/{safe_token(job_id)}"
    return [(FollowChaos.TYPE, f"{parent}/{number}") for number in range(sent.follow_ups)]


def innocents(sent: Mapping[str, Sent], facts: Facts) -> list[str]:
    """Jobs that should have had an effect, and were in hand of dying workers so often that they are dead letters."""
    return [
        job_id
        for job_id, job in sent.items()
        if job.kind in EFFECT and (work := (RunChaos.TYPE, job_id)) in facts.dead and not facts.effects[work]
    ]


def both(facts: Facts) -> list[Work]:
    """Jobs with an effect and a dead letter: a zombie's work, harmless as long as a redrive changes nothing."""
    return [work for work in facts.dead if facts.effects[work]]


def _jobs(sent: Mapping[str, Sent], facts: Facts) -> Iterator[str]:
    for job_id, job in sent.items():
        work = (RunChaos.TYPE, job_id)
        count, reasons = facts.effects[work], facts.dead.get(work, [])
        exists = count or reasons or (RunChaos.TYPE, safe_token(job_id)) in facts.done
        name = f"{job.kind} {job_id} ({job.answer})"
        if job.answer == "refused" and exists:
            yield f"{name} exists although the broker refused it: {count} effects, dead letters {reasons}"
        if job.answer == "accepted" and not exists:
            yield f"{name} is lost: it has no effect, no dead letter and no inbox row"
        yield from (f"{name} {wrong}" for wrong in _outcome(job, count, reasons))


def _outcome(job: Sent, effects: int, reasons: Sequence[str]) -> Iterator[str]:
    """What is wrong with what became of a job of its kind."""
    if effects > 1:
        yield f"has {effects} effects"
    if job.kind not in EFFECT and effects:
        yield "has an effect"
    if job.kind in DEAD and job.answer == "accepted" and not reasons:
        yield "has no dead letter"
    if job.kind not in EFFECT:
        return
    if unjust := [reason for reason in reasons if reason != "crash-loop"]:
        yield f"became a dead letter: {unjust}"
    if job.answer == "accepted" and not effects and not reasons:
        yield "has no effect"


def _follow_ups(sent: Mapping[str, Sent], facts: Facts) -> Iterator[str]:
    for job_id, job in sent.items():
        committed = facts.effects[RunChaos.TYPE, job_id]
        for work in follow_ups_of(job_id, job):
            count, reasons = facts.effects[work], facts.dead.get(work, [])
            if count > 1 or (committed and not count and reasons != ["crash-loop"]):
                yield f"follow-up {work[1]} of a committed parent has {count} effects, dead letters {reasons}"
            if not committed and (count or reasons):
                yield f"follow-up {work[1]} exists, but its parent was not committed"


def _events(facts: Facts) -> Iterator[str]:
    for event, count in facts.events.items():
        if count > 1:
            yield f"event {event} was announced {count} times"
        effects = facts.effects["chaos.tick", event]
        if event in facts.dropped and not effects:
            continue
        if effects != 1 and facts.dead.get(("chaos.tick", event)) != ["crash-loop"]:
            yield f"event {event} has {effects} jobs done, and no alarm came before it was dropped"


def _strangers(sent: Mapping[str, Sent], facts: Facts) -> Iterator[str]:
    known: set[Work] = {(RunChaos.TYPE, job_id) for job_id in sent}
    known |= {work for job_id, job in sent.items() for work in follow_ups_of(job_id, job)}
    known |= {("chaos.tick", event) for event in facts.events}
    yield from (f"{work} has an effect, and nobody sent it" for work in facts.effects if work not in known)
    yield from (f"{work} has a dead letter, and nobody sent it" for work in facts.dead if work not in known)


def gaps(due_times: Sequence[float], step_seconds: float) -> list[str]:
    """Names due times that were left out between the first and the last announced."""
    ordered = sorted(due_times)
    return [
        f"no event between due times {before:.0f} and {after:.0f}"
        for before, after in pairwise(ordered)
        if abs(after - before - step_seconds) > 0.01
    ]
