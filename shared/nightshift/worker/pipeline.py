"""A message's life in a worker: identify, decode, skip if done, run, commit, publish follow-ups, acknowledge."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nightshift.backoff import backoff
from nightshift.contract import wire
from nightshift.contract.constraints import explain
from nightshift.messaging import claim_check, inbox
from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.messaging.errors import (
    HandlerTimeoutError,
    InnerCancellationError,
    UnknownTypeError,
    describe,
    unwrap_group,
)
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import Outbox
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger, job_line
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Permanent, Skip, Snooze, Unavailable
from nightshift.worker import rescheduling
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.identify import Identity, identify
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.keyed_lock import KeyedLock
from nightshift.worker.router import Route, unknown
from nightshift.worker.settlement import Settler
from nightshift.worker.verdict import (
    DONE,
    DUPLICATE,
    IMMEDIATELY,
    INTERRUPTED,
    SKIPPED,
    Ack,
    DeadLetter,
    Reschedule,
    Verdict,
)

if TYPE_CHECKING:
    from nightshift.runtime.spans import Spans

CRASH_LOOP = 10
"""Deliveries of which nobody reported the end: the last of them is marked, and beyond it the job kills its worker."""
_log = get_logger("pipeline")


@dataclass(slots=True, frozen=True)
class JobLimits:
    """A service's defaults for its handlers."""

    max_retries: int = 3
    timeout_seconds: float = 900.0


class Pipeline:
    """Works off deliveries of one service, one call of `work` each."""

    def __init__(
        self,
        service: str,
        routes: Mapping[str, Route],
        *,
        committer: Committer,
        outbox: Outbox,
        objects: ObjectStore,
        settler: Settler,
        last_lives: CrashLoopGuard,
        circuit: CircuitBreaker,
        metrics: Metrics,
        limits: JobLimits,
        spans: "Spans | None" = None,
    ) -> None:
        self._service, self._spans, self._limits = service, spans, limits
        self._routes = routes if spans is None else spans.traced(routes)
        self._committer, self._outbox, self._objects = committer, outbox, objects
        self._settler, self._circuit, self._metrics = settler, circuit, metrics
        self._last_lives = last_lives
        self._turns = KeyedLock()

    async def work(self, hand: InFlightJob) -> Verdict:
        """Take one delivery from receipt to acknowledgement; return what became of it."""
        started = time.perf_counter()
        identity = identify(self._service, hand.delivery, hand.delivery.delivered)
        job = identity.job
        self._metrics.job_started(job.type, max(0.0, time.time() - hand.delivery.stored_ns / 1e9))
        traced = self._spans
        span = None if traced is None else traced.begin(hand.delivery, identity, known=job.type in self._routes)
        verdict: Verdict = INTERRUPTED
        try:
            judged = await self._judge(hand, identity)
            verdict = await self._settler.settle(hand, job, judged, event=identity.event)
            if hand.nakked and hand.unaccounted_deliveries >= CRASH_LOOP:
                await self._last_lives.ended(hand.delivery)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.job_finished(job.type, verdict.outcome, seconds)
            if span is not None:
                span.end(verdict)
        job_line(
            type=job.type,
            job_id=job.id,
            attempt=job.attempt,
            duration_ms=seconds * 1000,
            outcome=verdict.outcome,
            success=isinstance(verdict, Ack),
            error=None if isinstance(verdict, Ack) else verdict.error,
            trace_id=identity.trace_id or None,
        )
        return verdict

    async def release(self, hand: InFlightJob) -> None:
        """Gives a delivery that was not begun to another worker, at once and without an attempt."""
        identity = identify(self._service, hand.delivery, hand.delivery.delivered)
        job = identity.job
        again = Reschedule("handed-back", IMMEDIATELY, job.attempt - 1, "the worker is shutting down")
        await self._settler.settle(hand, job, again, event=identity.event)

    async def _judge(self, hand: InFlightJob, identity: Identity) -> Verdict:
        job = identity.job
        try:
            return await self._attempt(hand, identity)
        except Exception as raised:  # noqa: BLE001 - any exception of a handler is a failed attempt
            match error := unwrap_group(raised):
                case Permanent():
                    return DeadLetter("permanent", describe(error), job.attempt)
                case Snooze():
                    return Reschedule("snooze", error.delay, job.attempt - 1, describe(error))
                case Unavailable():
                    self._circuit.trip(error)
                    return Reschedule("unavailable", self._circuit.delay(), job.attempt - 1, str(error))
            return self._failed(job, error, event=identity.event)
        except asyncio.CancelledError:
            if not hand.released:
                raise
            return Reschedule("handed-back", IMMEDIATELY, job.attempt - 1, "the worker is shutting down")

    def _failed(self, job: Job, error: Exception, *, event: bool) -> Verdict:
        known = isinstance(error, UnknownTypeError)
        if not isinstance(error, (UnknownTypeError, HandlerTimeoutError)):
            _log.debug("attempt_failed", f"{job.type} {job.id}: {describe(error)}", error_type=type(error).__name__)
        if job.attempt > self._max_retries(self._routes.get(job.type)) and (known or not event):
            reason: wire.Reason = "unknown-type" if known else "attempts-exhausted"
            return DeadLetter(reason, describe(error), job.attempt, error_type=type(error).__name__)
        self._metrics.retried(job.type)
        return Reschedule("retry", backoff(job.attempt), job.attempt, describe(error), type(error).__name__)

    def _max_retries(self, found: Route | None) -> int:
        return self._limits.max_retries if found is None or found.max_retries is None else found.max_retries

    async def _attempt(self, hand: InFlightJob, identity: Identity) -> Verdict:
        job, delivery = identity.job, hand.delivery
        early = rescheduling.dead_mark(delivery)
        if early is None and (identity.malformed or hand.unaccounted_deliveries >= CRASH_LOOP):
            early = await self._hopeless(hand, identity)
        if early is not None:
            return early
        found = self._routes.get(job.type)
        if found is None:
            raise UnknownTypeError(unknown(job.type, self._routes))
        try:
            claim = delivery.headers.get(wire.CLAIM)
            message = found.decode(delivery.body if claim is None else await claim_check.fetch(self._objects, claim))
        except (msgspec.DecodeError, InvalidClaimError, UnicodeDecodeError, RecursionError) as error:
            nothing = not delivery.body.strip() and claim is None
            return DeadLetter("invalid", found.empty_body_error if nothing else explain(error), job.attempt)
        if not found.inbox:
            return await self._run(found, message, job, hand)
        key = inbox.key_of(job)
        if not self._turns.free(key):
            await self._wait_for_turn(key, hand)
        try:
            return await self._run_once(found, message, job, hand)
        finally:
            self._turns.leave(key)

    async def _wait_for_turn(self, key: inbox.Key, hand: InFlightJob) -> None:
        hand.begin(math.inf)
        try:
            await self._turns.wait(key)
        finally:
            hand.end()

    async def _run_once(self, found: Route, message: Any, job: Job, hand: InFlightJob) -> Verdict:
        if await self._committer.is_done(job):
            await self._settler.publish_follow_ups(job)
            return DUPLICATE
        verdict = await self._run(found, message, job, hand)
        if not await self._committer.commit(job):
            await self._settler.publish_follow_ups(job)
            return DUPLICATE
        if job.follow_ups:
            await self._settler.publish_follow_ups(job)
        return verdict

    async def _hopeless(self, hand: InFlightJob, identity: Identity) -> DeadLetter | None:
        if identity.malformed:
            return DeadLetter(identity.malformed.reason, identity.malformed.text, identity.job.attempt)
        if not identity.event and not await self._last_lives.begin(hand.delivery):
            text = f"delivered {hand.delivery.delivered} times, and no worker lived to report how it ended"
            return DeadLetter("crash-loop", text, identity.job.attempt)
        return None

    async def _run(self, found: Route, message: Any, job: Job, hand: InFlightJob) -> Verdict:
        seconds = found.timeout_seconds or self._limits.timeout_seconds
        job.timeout = timedelta(seconds=seconds)
        job.is_last_attempt = job.attempt > self._max_retries(found) and not wire.is_event(job.type)
        hand.begin(seconds)
        try:
            await found.handler(message, job)
        except Skip:
            job.discard_effects()
            return SKIPPED
        except asyncio.CancelledError:
            if hand.timed_out:
                raise HandlerTimeoutError(
                    f"the handler took longer than {hand.timeout_seconds:g} s and was cancelled"
                ) from None
            if not hand.cancelled:
                raise InnerCancellationError("something that the handler awaited was cancelled") from None
            raise
        finally:
            hand.end()
        return DONE
