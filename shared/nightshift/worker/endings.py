"""How a job's life ends: the verdict on it is carried out, what it held is given back, and everybody is told."""

import asyncio
from collections.abc import Callable, Sequence

from nightshift.messaging import inbox
from nightshift.messaging.errors import HandlerTimeoutError, StoppedError, UnknownTypeError, describe, unwrap_group
from nightshift.messaging.job import Job
from nightshift.observability.log import get_logger
from nightshift.outcomes import Permanent, Snooze, Unavailable
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.keyed_lock import KeyedLock
from nightshift.worker.observer import JobObserver
from nightshift.worker.policies import JobLimits, Policies
from nightshift.worker.settlement import Settler
from nightshift.worker.verdict import INTERRUPTED, DeadLetter, Reschedule, Verdict

_log = get_logger("pipeline")


class Endings:
    """Ends the lives of one service's jobs, each once; `ended` is told of them."""

    def __init__(
        self,
        settler: Settler,
        observer: JobObserver,
        *,
        locks: KeyedLock,
        circuit: CircuitBreaker,
        limits: JobLimits,
        policies: Policies,
    ) -> None:
        self._settler, self._observer, self._locks, self._circuit = settler, observer, locks, circuit
        self._limits, self._policies = limits, policies
        self.ended: Callable[[Sequence[InFlightJob]], None] = lambda _: None

    def acknowledge(self, group: Sequence[InFlightJob]) -> None:
        """End jobs that have taken all their steps."""
        self._settler.acknowledge(group)
        for in_flight in group:
            in_flight.verdict = in_flight.ending
        self._tell(group)

    async def end(self, in_flight: InFlightJob, outcome: Verdict | Exception) -> None:
        """End a job by what one of its steps said, or raised."""
        verdict = self._verdict_on(in_flight, unwrap_group(outcome)) if isinstance(outcome, Exception) else outcome
        await self._give_back(in_flight.job)
        self._unlock(in_flight)
        in_flight.verdict = await self._settler.settle(in_flight, verdict)
        self._tell([in_flight])

    async def leave_to_broker(self, group: Sequence[InFlightJob]) -> None:
        """Have jobs delivered again that an error of ours has stopped; it is being handled."""
        for in_flight in group:
            _log.exception("pipeline_failed", f"{in_flight.delivery.subject}: an error of the worker; it comes again")
            await self._settler.nak(in_flight, self._policies.not_stored.delay(in_flight.delivery.delivered))

    async def interrupt(self, group: Sequence[InFlightJob]) -> None:
        """End jobs amid their lives: their deliveries are not settled."""
        for in_flight in group:
            in_flight.verdict = INTERRUPTED
        try:
            for in_flight in group:
                await self._give_back(in_flight.job)
        finally:
            self._tell(group)

    def _tell(self, group: Sequence[InFlightJob]) -> None:
        for in_flight in group:
            self._unlock(in_flight)
        self._observer.finished(group)
        self.ended(group)

    def _unlock(self, in_flight: InFlightJob) -> None:
        if in_flight.holds_lock:
            in_flight.holds_lock = False
            self._locks.release(inbox.key_of(in_flight.job))

    async def _give_back(self, job: Job) -> None:
        """Give back what the handler has taken outside of its commit; that must not delay the end for long."""
        for release in job.releases:
            try:
                async with asyncio.timeout(self._policies.settling_seconds):
                    await release()
            except Exception as error:  # noqa: BLE001 - whoever takes such a thing gives it an end of its own
                _log.warning("not_given_back", f"{job.type} {job.id}: {describe(error)}")

    def _verdict_on(self, in_flight: InFlightJob, error: Exception) -> Verdict:
        attempt = in_flight.job.attempt
        match error:
            case StoppedError():
                return DeadLetter("cancelled", describe(error), attempt)
            case Permanent():
                return DeadLetter("permanent", describe(error), attempt)
            case Snooze():
                return Reschedule("snooze", error.delay, attempt - 1, describe(error))
            case Unavailable():
                self._circuit.trip(error)
                return Reschedule("unavailable", self._circuit.delay(), attempt - 1, str(error))
        return self._failed_attempt(in_flight, error)

    def _failed_attempt(self, in_flight: InFlightJob, error: Exception) -> Verdict:
        job, text, kind = in_flight.job, describe(error), type(error).__name__
        is_unknown = isinstance(error, UnknownTypeError)
        if not isinstance(error, (UnknownTypeError, HandlerTimeoutError)):
            _log.debug("attempt_failed", f"{job.type} {job.id}: {text}", error_type=kind)
        may_die = is_unknown or not in_flight.is_event
        retries = in_flight.route.retries
        if may_die and job.attempt >= self._limits.attempts(retries):
            return DeadLetter(
                "unknown-type" if is_unknown else "attempts-exhausted", text, job.attempt, error_type=kind
            )
        wait = (self._policies.retry or retries.backoff).delay(job.attempt)
        return Reschedule("retry", wait, job.attempt, text, kind)
