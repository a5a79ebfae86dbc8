"""Carries out a verdict: acknowledge, copy for later, or dead letter. A delivery leaves only when that is stored."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from nightshift.backoff import backoff
from nightshift.broker import BrokerRefusedError
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.messaging import outbound
from nightshift.messaging.errors import describe, flatten
from nightshift.messaging.job import Job
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore, ObjectStoreRefusedError
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.worker import rescheduling
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.dead_letter_hook import run_hook
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.router import Route
from nightshift.worker.verdict import DUPLICATE, Ack, DeadLetter, Reschedule, Verdict

_DEAD_LETTER_AGAIN = timedelta(minutes=1)
"""When a dead-letter stream has refused, somebody has to make room: the job asks again after this."""
_FOLLOW_UPS_CEILING_SECONDS = 15.0
_TO_WAIT_FOR = (BrokerRefusedError, ObjectStoreRefusedError, Unavailable)
"""What may keep a message from being stored, without being an error of the program."""
_log = get_logger("settle")


class Settler:
    """Settles deliveries of one service."""

    def __init__(
        self,
        publisher: Publisher,
        routes: Mapping[str, Route],
        *,
        committer: Committer,
        outbox: Outbox,
        objects: ObjectStore,
        circuit: CircuitBreaker,
        metrics: Metrics,
        refused: Callable[[], None],
    ) -> None:
        """`refused` is told when the broker refused something, so that what may lie behind is swept up."""
        self._publisher, self._routes, self._committer, self._outbox = publisher, routes, committer, outbox
        self._objects, self._circuit, self._metrics, self._refused = objects, circuit, metrics, refused

    async def settle(self, hand: InFlightJob, job: Job, verdict: Verdict, *, event: bool) -> Verdict:
        """Carries out the verdict; returns what was done, which may be another one when the broker refuses."""
        match verdict:
            case Ack():
                hand.delivery.ack()
                return verdict
            case Reschedule():
                return await self._again(hand, job, verdict, event=event)
            case DeadLetter():
                return await self._dead(hand, job, verdict, event=event)

    async def publish_follow_ups(self, job: Job) -> None:
        """Publish the follow-up jobs of a committed job.

        Such a job cannot fail any more, whatever is wrong: it waits, and tries again until they are published.
        """
        attempt = 0
        while True:
            try:
                return await self._outbox.publish(job)
            except Exception as error:  # noqa: BLE001 - whatever it is, the job is done
                attempt += 1
                self._follow_ups_wait(job, error)
            await asyncio.sleep(min(backoff(attempt).total_seconds(), _FOLLOW_UPS_CEILING_SECONDS))

    def _follow_ups_wait(self, job: Job, error: Exception) -> None:
        causes = flatten(error)
        for cause in causes:
            if isinstance(cause, Unavailable):
                self._circuit.trip(cause)
        tell = _log.warning if isinstance(causes[0], _TO_WAIT_FOR) else _log.exception
        tell("follow_ups_wait", f"{job.type} {job.id} is done; its follow-up jobs wait: {describe(causes[0])}")

    async def _again(
        self, hand: InFlightJob, job: Job, verdict: Reschedule, *, event: bool, dead: DeadLetter | None = None
    ) -> Verdict:
        if event:
            hand.nak_delivery(verdict.delay)
            return verdict
        now = datetime.now(UTC)
        copy = rescheduling.reschedule(hand.delivery, job, verdict, now)
        try:
            copy = await rescheduling.renew_claim(self._objects, copy, outbound.due(now, verdict.delay))
            await self._publisher.store(rescheduling.with_dead_mark(copy, dead) if dead else copy)
        except _TO_WAIT_FOR as error:
            self._could_not_store(error, "the copy for later", job)
            hand.nak_delivery(max(verdict.delay, backoff(hand.delivery.delivered)))
            return verdict
        hand.delivery.ack()
        return verdict

    async def _dead(self, hand: InFlightJob, job: Job, verdict: DeadLetter, *, event: bool) -> Verdict:
        try:
            if await self._committer.is_done(job):
                await self.publish_follow_ups(job)
                hand.delivery.ack()
                return DUPLICATE
            await run_hook(self._routes.get(job.type), hand.delivery, job, verdict.error, self._objects)
            letter = rescheduling.dead_letter(hand.delivery, job, verdict, datetime.now(UTC))
            await self._publisher.store(await self._kept(letter))
        except _TO_WAIT_FOR as error:
            self._could_not_store(error, "the dead letter", job)
            again = Reschedule("dead-letter-refused", _DEAD_LETTER_AGAIN, job.attempt - 1, f"{verdict.error} ({error})")
            return await self._again(hand, job, again, event=event, dead=verdict)
        self._metrics.dead_lettered(job.type, verdict.reason)
        await self._acknowledge(hand)
        return verdict

    async def _kept(self, letter: OutboundMessage) -> OutboundMessage:
        return (
            await rescheduling.renew_claim(self._objects, letter, datetime.now(UTC))
            if wire.CLAIM in letter.headers
            else letter
        )

    async def _acknowledge(self, hand: InFlightJob) -> None:
        try:
            await hand.delivery.ack_sync()
        except Exception:  # noqa: BLE001 - the dead letter is stored; its id keeps a second one out
            hand.delivery.ack()

    def _could_not_store(self, error: Exception, what: str, job: Job) -> None:
        _log.error("not_stored", f"{job.type} {job.id}: {what} could not be stored, the job stays: {error}")
        if isinstance(error, Unavailable):
            self._circuit.trip(error)
        self._refused()
