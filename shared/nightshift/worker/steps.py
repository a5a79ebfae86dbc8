"""The steps of a job's life between receipt and settlement; `pipeline` has their order.

A step is given what it needs and a job in flight. It returns None to let the job go on, or the verdict that ends it,
and keeps what it finds out on the job. A step is a coroutine only where it has to wait for something.
"""

import asyncio
import math
import time
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec

from nightshift.contract import wire
from nightshift.contract.constraints import explain
from nightshift.messaging import claim_check, inbox
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.errors import HandlerTimeoutError, InnerCancellationError, UnknownTypeError, describe
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.outcomes import Skip
from nightshift.worker import rescheduling
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.keyed_lock import KeyedLock
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import Route, unknown
from nightshift.worker.settlement import Settler
from nightshift.worker.verdict import DUPLICATE, SKIPPED, DeadLetter, Reschedule, Verdict

StepResult = Verdict | Coroutine[Any, Any, Verdict | None] | None

_NOT_DECODED = (msgspec.DecodeError, InvalidClaimError, UnicodeDecodeError, RecursionError)
_log = get_logger("pipeline")
_seconds = lru_cache(64)(lambda seconds: timedelta(seconds=seconds))


def dead_mark(in_flight: InFlightJob) -> Verdict | None:
    """End a job whose dead letter could not be stored at an earlier delivery, with that verdict."""
    delivery = in_flight.delivery
    return rescheduling.dead_mark(delivery) if delivery.subject.startswith(wire.DUE) else None


def malformed(in_flight: InFlightJob) -> Verdict | None:
    """End a delivery that can be no job: its subject names no type, or its headers cannot be read."""
    if in_flight.malformed is None:
        return None
    return DeadLetter(in_flight.malformed.reason, in_flight.malformed.text, in_flight.job.attempt)


def outage(circuit: CircuitBreaker, in_flight: InFlightJob) -> Verdict | None:
    """Put off a job that was on its way when a component was found unavailable.

    What it does outside would be done in vain, and again when the component is back.
    """
    if circuit.closed:
        return None
    what = " and ".join(circuit.unavailable)
    return Reschedule("unavailable", circuit.delay(), in_flight.job.attempt - 1, f"{what}: unavailable, not run")


def crash_loop(guard: CrashLoopGuard, permitted: int, in_flight: InFlightJob) -> StepResult:
    """Mark the last permitted delivery of a job as started; end a job that was marked and not heard of again."""
    if in_flight.unaccounted_deliveries < permitted or in_flight.is_event:
        return None
    return _mark_started(guard, in_flight)


async def _mark_started(guard: CrashLoopGuard, in_flight: InFlightJob) -> Verdict | None:
    in_flight.marked = await guard.mark_started(in_flight.delivery)
    if in_flight.marked:
        return None
    text = f"delivered {in_flight.delivery.delivered} times, and no worker lived to report how it ended"
    return DeadLetter("crash-loop", text, in_flight.job.attempt)


def unknown_type(routes: Mapping[str, Route], in_flight: InFlightJob) -> None:
    """Fail the attempt of a job whose type has no handler here: in a rolling deploy another replica may have one.

    Raises:
        UnknownTypeError: always.
    """
    raise UnknownTypeError(unknown(in_flight.job.type, routes))


def body(objects: ObjectStore, in_flight: InFlightJob) -> StepResult:
    """Decode the body, which may be a claim check; end a job whose body breaks its contract."""
    claim = in_flight.delivery.headers.get(wire.CLAIM)
    if claim is not None:
        return _claimed_body(objects, claim, in_flight)
    received = in_flight.delivery.body
    try:
        in_flight.message = in_flight.route.decode(received)
    except _NOT_DECODED as error:
        text = explain(error) if received.strip() else in_flight.route.empty_body_error
        return DeadLetter("invalid", text, in_flight.job.attempt)
    return None


async def _claimed_body(objects: ObjectStore, claim: str, in_flight: InFlightJob) -> Verdict | None:
    try:
        in_flight.message = in_flight.route.decode(await claim_check.fetch(objects, claim))
    except _NOT_DECODED as error:
        return DeadLetter("invalid", explain(error), in_flight.job.attempt)
    return None


def lock(keys: KeyedLock, in_flight: InFlightJob) -> StepResult:
    """Wait for another delivery of the same job that runs in this process."""
    in_flight.holds_lock = keys.try_acquire(inbox.key_of(in_flight.job))
    return None if in_flight.holds_lock else _wait_for_lock(keys, in_flight)


async def _wait_for_lock(keys: KeyedLock, in_flight: InFlightJob) -> None:
    in_flight.start_timer(math.inf)
    try:
        await keys.acquire(inbox.key_of(in_flight.job))
        in_flight.holds_lock = True
    finally:
        in_flight.stop_timer()


async def look_up(committer: Committer, settler: Settler, in_flight: InFlightJob) -> Verdict | None:
    """End a job that is in the inbox; its worker may have died before it published the follow-ups."""
    if not await committer.is_done(in_flight.job):
        return None
    await settler.publish_follow_ups(in_flight.job)
    return DUPLICATE


async def handler(limits: JobLimits, in_flight: InFlightJob) -> None:
    """Run the handler within its time limit.

    Raises:
        HandlerTimeoutError: it took longer than it may.
        InnerCancellationError: something that it awaited was cancelled.
        Exception: whatever it raises, but for `Skip`.
    """
    found, job = in_flight.route, in_flight.job
    seconds = found.timeout_seconds or limits.timeout_seconds
    job.timeout = _seconds(seconds)
    job.is_last_attempt = job.attempt >= limits.attempts(found.retries) and not in_flight.is_event
    in_flight.start_timer(seconds)
    job.started_at = time.perf_counter()
    try:
        await found.handler(in_flight.message, job)
    except Skip:
        job.discard_effects()
        in_flight.ending, job.outcome = SKIPPED, SKIPPED.outcome
    except asyncio.CancelledError:
        if in_flight.timed_out:
            raise HandlerTimeoutError(f"the handler took longer than {seconds:g} s and was cancelled") from None
        if not in_flight.cancelled:
            raise InnerCancellationError("something that the handler awaited was cancelled") from None
        raise
    finally:
        in_flight.stop_timer()


async def commit(committer: Committer, settler: Settler, in_flight: InFlightJob) -> Verdict | None:
    """Commit the job's effects; end it as a duplicate where another delivery was faster."""
    if await committer.commit(in_flight.job):
        _take_note(in_flight.job)
        return None
    await settler.publish_follow_ups(in_flight.job)
    return DUPLICATE


def _take_note(job: Job) -> None:
    """Call what waits for the commit; what has happened cannot fail any more."""
    for notice in job.notices:
        try:
            notice()
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is done
            _log.warning("not_noted", f"{job.type} {job.id}: {describe(error)}")


def follow_ups(settler: Settler, in_flight: InFlightJob) -> StepResult:
    """Publish the follow-up jobs that were committed with the job."""
    return settler.publish_follow_ups(in_flight.job) if in_flight.job.follow_ups else None
