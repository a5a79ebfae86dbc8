"""Carries out a verdict: acknowledge, copy for later, or dead letter. A delivery is over only when that is stored."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from nightshift.broker import BrokerRefusedError
from nightshift.broker.delivery import acknowledge
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.messaging import outbound
from nightshift.messaging.errors import describe, flatten
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore, ObjectStoreRefusedError
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.worker import rescheduling
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.dead_letter_hook import run_hook
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.policies import DEFAULT_POLICIES, Policies
from nightshift.worker.verdict import DUPLICATE, Ack, DeadLetter, Reschedule, Verdict, stopped

_TO_WAIT_FOR = (BrokerRefusedError, ObjectStoreRefusedError, Unavailable)
"""What may keep a message from being stored, without being an error of the program."""
_log = get_logger("settle")


class Settler:
    """Settles deliveries of one service."""

    def __init__(
        self,
        publisher: Publisher,
        *,
        committer: Committer,
        outbox: Outbox,
        objects: ObjectStore,
        guard: CrashLoopGuard,
        circuit: CircuitBreaker,
        on_refused: Callable[[], None],
        policies: Policies = DEFAULT_POLICIES,
    ) -> None:
        """`on_refused` is called when the broker refused something, so that overdue schedules are looked for."""
        self._publisher, self._committer, self._outbox, self._objects = publisher, committer, outbox, objects
        self._guard, self._circuit, self._on_refused, self._policies = guard, circuit, on_refused, policies

    async def settle(self, in_flight: InFlightJob, verdict: Verdict) -> Verdict:
        """Carry out the verdict; return what was done, which may be another one when the broker refuses."""
        match verdict:
            case Ack():
                in_flight.delivery.ack()
                return verdict
            case Reschedule() if in_flight.stopped and not in_flight.is_event:
                return await self._dead_letter(in_flight, stopped(in_flight.job.attempt, verdict))
            case Reschedule():
                return await self._reschedule(in_flight, verdict)
            case DeadLetter():
                return await self._dead_letter(in_flight, verdict)

    def acknowledge(self, group: Sequence[InFlightJob]) -> None:
        """Acknowledge deliveries, at least one, whose jobs are done and their effects stored."""
        acknowledge([in_flight.delivery for in_flight in group])

    async def nak(self, in_flight: InFlightJob, delay: timedelta) -> None:
        """Let the broker deliver a job again after `delay`, where no copy of it can be stored.

        The broker counts that like the death of a worker, so the other replicas have to be told. A job that is marked
        as started waits until that is done: its next delivery would be taken for the proof of a crash loop. Others do
        not: they would run alone. Of an event's deliveries nobody thinks so.
        """
        failures = 0
        while not in_flight.is_event:
            try:
                await self._guard.record_nak(in_flight.delivery)
                break
            except Unavailable as error:
                failures += 1
                self._circuit.trip(error)
            if not in_flight.marked:
                break
            await asyncio.sleep(self._policies.follow_ups.delay(failures).total_seconds())
        in_flight.nak(delay)

    async def publish_follow_ups(self, job: Job) -> None:
        """Publish the follow-up jobs of a committed job.

        Such a job cannot fail any more, whatever is wrong: it waits, and tries again until they are published.
        """
        failures = 0
        while True:
            try:
                return await self._outbox.publish(job)
            except Exception as error:  # noqa: BLE001 - whatever it is, the job is done
                failures += 1
                self._follow_ups_wait(job, error)
            await asyncio.sleep(self._policies.follow_ups.delay(failures).total_seconds())

    def _follow_ups_wait(self, job: Job, error: Exception) -> None:
        causes = flatten(error)
        for cause in causes:
            if isinstance(cause, Unavailable):
                self._circuit.trip(cause)
        tell = _log.warning if isinstance(causes[0], _TO_WAIT_FOR) else _log.exception
        tell("follow_ups_wait", f"{job.type} {job.id} is done; its follow-up jobs wait: {describe(causes[0])}")

    async def _reschedule(
        self, in_flight: InFlightJob, verdict: Reschedule, *, dead: DeadLetter | None = None
    ) -> Verdict:
        delivery, job, now = in_flight.delivery, in_flight.job, self._policies.now()
        if in_flight.is_event:
            await self.nak(in_flight, verdict.delay)
            return verdict
        copy = rescheduling.reschedule(delivery, job, verdict, now)
        try:
            copy = await rescheduling.renew_claim(self._objects, copy, outbound.due(now, verdict.delay))
            await self._publisher.store(rescheduling.with_dead_mark(copy, dead) if dead else copy)
        except _TO_WAIT_FOR as error:
            self._could_not_store(error, "the copy for later", job)
            await self.nak(in_flight, max(verdict.delay, self._policies.not_stored.delay(delivery.delivered)))
            return verdict
        delivery.ack()
        return verdict

    async def _dead_letter(self, in_flight: InFlightJob, verdict: DeadLetter) -> Verdict:
        job = in_flight.job
        try:
            if await self._committer.is_done(job):
                await self.publish_follow_ups(job)
                in_flight.delivery.ack()
                return DUPLICATE
            await run_hook(in_flight, verdict.error, self._objects)
            letter = rescheduling.dead_letter(in_flight.delivery, job, verdict, self._policies.now())
            await self._publisher.store(await self._with_renewed_claim(letter))
        except _TO_WAIT_FOR as error:
            self._could_not_store(error, "the dead letter", job)
            text, delay = f"{verdict.error} ({error})", self._policies.dead_letter_again
            again = Reschedule("dead-letter-refused", delay, job.attempt - 1, text)
            return await self._reschedule(in_flight, again, dead=verdict)
        await self._acknowledge(in_flight)
        return verdict

    async def _with_renewed_claim(self, letter: OutboundMessage) -> OutboundMessage:
        if wire.CLAIM not in letter.headers:
            return letter
        return await rescheduling.renew_claim(self._objects, letter, self._policies.now())

    async def _acknowledge(self, in_flight: InFlightJob) -> None:
        try:
            await in_flight.delivery.ack_sync()
        except Exception:  # noqa: BLE001 - the dead letter is stored; its id keeps a second one out
            in_flight.delivery.ack()

    def _could_not_store(self, error: Exception, what: str, job: Job) -> None:
        _log.error("not_stored", f"{job.type} {job.id}: {what} could not be stored, the job stays: {error}")
        if isinstance(error, Unavailable):
            self._circuit.trip(error)
        self._on_refused()
