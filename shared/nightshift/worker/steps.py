"""The steps of a job's life between receipt and settlement; `pipeline` has their order.

A step is given what it needs and a group of jobs in flight. It returns those that leave the group, each with what is
to become of it, and keeps what it finds out on the jobs. It is a coroutine only where the whole group has to wait.
"""

import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from nightshift.contract import wire
from nightshift.messaging import claim_check, inbox
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.errors import (
    UnknownTypeError,
    describe,
)
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.worker import rescheduling
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.keyed_lock import KeyedLock
from nightshift.worker.router import Route, unknown
from nightshift.worker.settlement import Settler
from nightshift.worker.verdict import DUPLICATE, DeadLetter, Reschedule, Verdict

Group = Sequence[InFlightJob]
Outcome = Verdict | Exception | Coroutine[Any, Any, Verdict | None]
"""The end of a job, what its attempt failed with, or what it has to wait for, which may end it or let it go on."""
Leaving = list[tuple[InFlightJob, Outcome]]
Step = Callable[[Group], Leaving | Awaitable[Leaving]]

_NOT_DECODED = (msgspec.DecodeError, InvalidClaimError, UnicodeDecodeError, RecursionError)
_log = get_logger("pipeline")


def dead_mark(group: Group) -> Leaving:
    """End the jobs whose dead letter could not be stored at an earlier delivery, with that verdict."""
    return [
        (in_flight, verdict)
        for in_flight in group
        if in_flight.delivery.subject.startswith(wire.DUE)
        and (verdict := rescheduling.dead_mark(in_flight.delivery)) is not None
    ]


def malformed(group: Group) -> Leaving:
    """End the deliveries that can be no job: their subject names no type, or their headers cannot be read."""
    return [
        (in_flight, DeadLetter(why.reason, why.text, in_flight.job.attempt))
        for in_flight in group
        if (why := in_flight.malformed) is not None
    ]


def outage(circuit: CircuitBreaker, group: Group) -> Leaving:
    """Put off jobs that were on their way when a component was found unavailable.

    What they do outside would be done in vain, and again when the component is back.
    """
    if circuit.closed:
        return []
    text = f"{' and '.join(circuit.unavailable)}: unavailable, not run"
    return [(one, Reschedule("unavailable", circuit.delay(), one.job.attempt - 1, text)) for one in group]


def crash_loop(guard: CrashLoopGuard, permitted: int, group: Group) -> Leaving:
    """Mark the last permitted delivery of a job as started; end a job that was marked and not heard of again."""
    return [
        (in_flight, _mark_started(guard, in_flight))
        for in_flight in group
        if in_flight.unaccounted_deliveries >= permitted and not in_flight.is_event
    ]


async def _mark_started(guard: CrashLoopGuard, in_flight: InFlightJob) -> Verdict | None:
    in_flight.marked = await guard.mark_started(in_flight.delivery)
    if in_flight.marked:
        return None
    text = f"delivered {in_flight.delivery.delivered} times, and no worker lived to report how it ended"
    return DeadLetter("crash-loop", text, in_flight.job.attempt)


def unknown_type(routes: Mapping[str, Route], group: Group) -> Leaving:
    """Fail the attempts of jobs whose type has no handler here: in a rolling deploy another replica may have one."""
    return [(in_flight, UnknownTypeError(unknown(in_flight.job.type, routes))) for in_flight in group]


def body(objects: ObjectStore, group: Group) -> Leaving:
    """Decode the bodies, which may be claim checks; end the jobs whose body breaks its contract."""
    leaving: Leaving = []
    for in_flight in group:
        if in_flight.claim is not None:
            leaving.append((in_flight, _claimed_body(objects, in_flight.claim, in_flight)))
            continue
        try:
            in_flight.message = in_flight.route.decode(in_flight.delivery.body)
        except _NOT_DECODED as error:
            text = in_flight.route.refusal(error, in_flight.delivery.body)
            leaving.append((in_flight, DeadLetter("invalid", text, in_flight.job.attempt)))
        except Exception as error:  # noqa: BLE001 - a decoder of the route's own fails the attempt of this job only
            leaving.append((in_flight, error))
    return leaving


async def _claimed_body(objects: ObjectStore, claim: str, in_flight: InFlightJob) -> Verdict | None:
    stored = b"{}"
    try:
        in_flight.message = in_flight.route.decode(stored := await claim_check.fetch(objects, claim))
    except _NOT_DECODED as error:
        return DeadLetter("invalid", in_flight.route.refusal(error, stored), in_flight.job.attempt)
    return None


def lock(keys: KeyedLock, group: Group) -> Leaving:
    """Wait for other deliveries of the same jobs that run in this process."""
    for in_flight in group:
        in_flight.holds_lock = keys.try_acquire(inbox.key_of(in_flight.job))
    return [(in_flight, _wait_for_lock(keys, in_flight)) for in_flight in group if not in_flight.holds_lock]


async def _wait_for_lock(keys: KeyedLock, in_flight: InFlightJob) -> None:
    in_flight.start_timer(math.inf)
    try:
        await keys.acquire(inbox.key_of(in_flight.job))
        in_flight.holds_lock = True
    finally:
        in_flight.stop_timer()


async def look_up(committer: Committer, settler: Settler, group: Group) -> Leaving:
    """End the jobs that are in the inbox; their worker may have died before it published the follow-ups."""
    return _unless_first(settler, group, await committer.are_done([in_flight.job for in_flight in group]), first=False)


def _unless_first(settler: Settler, group: Group, results: Sequence[bool | Exception], *, first: bool) -> Leaving:
    """End the jobs that were done before, or of which that could not be found out."""
    return [
        (in_flight, result if isinstance(result, Exception) else _duplicate(settler, in_flight))
        for in_flight, result in zip(group, results, strict=True)
        if result is not first
    ]


async def _duplicate(settler: Settler, in_flight: InFlightJob) -> Verdict:
    await settler.publish_follow_ups(in_flight.job)
    return DUPLICATE


async def commit(committer: Committer, settler: Settler, group: Group) -> Leaving:
    """Commit the jobs' effects; end as duplicates those of which another delivery was faster."""
    committed = await committer.commit_all([in_flight.job for in_flight in group])
    for in_flight, result in zip(group, committed, strict=True):
        if in_flight.job.notices and result is True:
            _take_note(in_flight.job)
    return _unless_first(settler, group, committed, first=True)


def _take_note(job: Job) -> None:
    """Call what waits for the commit; what has happened cannot fail any more."""
    for notice in job.notices:
        try:
            notice()
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is done
            _log.warning("not_noted", f"{job.type} {job.id}: {describe(error)}")


def follow_ups(settler: Settler, group: Group) -> Leaving:
    """Publish the follow-up jobs that were committed with a job."""
    return [(one, settler.publish_follow_ups(one.job)) for one in group if one.job.follow_ups]


def give_back(group: Group) -> Leaving:
    """End by themselves the jobs that have something to give back before."""
    return [(in_flight, in_flight.ending) for in_flight in group if in_flight.job.releases]
