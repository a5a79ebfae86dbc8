"""A job's life in a worker: the list of its steps, and the verdict on it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from nightshift.broker.delivery import Delivery
from nightshift.messaging import inbox
from nightshift.messaging.errors import HandlerTimeoutError, UnknownTypeError, describe, unwrap_group
from nightshift.messaging.job import Job
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.outcomes import Permanent, Snooze, Unavailable
from nightshift.worker import steps
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.in_flight import InFlightJob, identify
from nightshift.worker.keyed_lock import KeyedLock
from nightshift.worker.observer import JobObserver
from nightshift.worker.policies import JobLimits, Policies
from nightshift.worker.router import NO_ROUTE, Route
from nightshift.worker.settlement import Settler
from nightshift.worker.verdict import INTERRUPTED, Ack, DeadLetter, Reschedule, Verdict, handed_back

Step = Callable[[InFlightJob], steps.StepResult]
_log = get_logger("pipeline")


def every(_route: Route) -> bool:
    """Choose every route."""
    return True


def is_unknown(route: Route) -> bool:
    """Choose the route of types that have no handler."""
    return route is NO_ROUTE


def has_inbox(route: Route) -> bool:
    """Choose the routes whose jobs are done once and commit effects."""
    return route.inbox


def _steps_of(route: Route, life: Iterable[tuple[Step, Callable[[Route], bool]]]) -> tuple[Step, ...]:
    return tuple(step for step, chooses in life if chooses(route))


class Pipeline:
    """Runs the jobs of one service: `identify` a delivery, then `work` it off."""

    def __init__(
        self,
        service: str,
        routes: Mapping[str, Route],
        *,
        committer: Committer,
        settler: Settler,
        guard: CrashLoopGuard,
        objects: ObjectStore,
        observer: JobObserver,
        circuit: CircuitBreaker,
        limits: JobLimits,
        policies: Policies,
    ) -> None:
        self._service, self._routes = service, routes
        self._settler, self._guard, self._observer, self._circuit = settler, guard, observer, circuit
        self._limits, self._policies, self._locks = limits, policies, KeyedLock()
        self._release_seconds = policies.settling_seconds
        life: tuple[tuple[Step, Callable[[Route], bool]], ...] = (
            # Each step, in order, and which routes have it. `identify` has decoded the headers before.
            (steps.dead_mark, every),
            (steps.malformed, every),
            (partial(steps.outage, circuit), every),
            (partial(steps.crash_loop, guard, policies.crash_loop_after), every),
            (partial(steps.unknown_type, routes), is_unknown),
            (partial(steps.body, objects), every),
            (partial(steps.lock, self._locks), has_inbox),
            (partial(steps.look_up, committer, settler), has_inbox),
            (partial(steps.handler, limits), every),
            (partial(steps.commit, committer, settler), has_inbox),
            (partial(steps.follow_ups, settler), has_inbox),
            # `Settler.settle` acknowledges, reschedules or dead-letters behind them.
        )
        self._unknown = _steps_of(NO_ROUTE, life)
        self._steps = {name: _steps_of(route, life) for name, route in routes.items()}

    def identify(self, delivery: Delivery, known_naks: int = 0) -> InFlightJob:
        """Return the job that a delivery is, with its route. Never fails, whatever was typed."""
        in_flight = identify(self._service, delivery, known_naks)
        in_flight.route = self._routes.get(in_flight.job.type, NO_ROUTE)
        return in_flight

    async def account(self, in_flight: InFlightJob) -> None:
        """Find out which deliveries of a job other replicas have nak'ed."""
        try:
            naks = await self._guard.naks_of(in_flight.delivery)
        except Unavailable as error:
            _log.debug("naks_unknown", f"{in_flight.delivery.subject}: {error}")
        else:
            in_flight.unaccounted_deliveries = min(
                in_flight.unaccounted_deliveries, in_flight.delivery.delivered - naks
            )

    async def work(self, in_flight: InFlightJob) -> Verdict:
        """Take a job through all its steps and settle its delivery; return what became of it."""
        self._observer.started(in_flight)
        verdict: Verdict = INTERRUPTED
        try:
            verdict = await self._settler.settle(in_flight, await self._judge(in_flight))
        except Exception:  # noqa: BLE001 - an error of ours must not lose the job: the broker delivers it again
            _log.exception("pipeline_failed", f"{in_flight.delivery.subject}: an error of the worker; it comes again")
            await self._settler.nak(in_flight, self._policies.not_stored.delay(in_flight.delivery.delivered))
        finally:
            self._observer.finished(in_flight, verdict)
        return verdict

    async def release(self, in_flight: InFlightJob) -> None:
        """Release a job that was not started to another worker, at once and without an attempt."""
        await self._settler.settle(in_flight, handed_back(in_flight.job.attempt))

    async def _judge(self, in_flight: InFlightJob) -> Verdict:
        """Return the verdict of the first step that ends the job, or of what it raised."""
        try:
            for step in self._steps.get(in_flight.job.type, self._unknown):
                result = step(in_flight)
                if result is not None and not isinstance(result, (Ack, Reschedule, DeadLetter)):
                    result = await result
                if result is not None:
                    return result
        except Exception as raised:  # noqa: BLE001 - any exception of a handler is a failed attempt
            return self._verdict_on(in_flight, unwrap_group(raised))
        except asyncio.CancelledError:
            if not in_flight.released:
                raise
            return handed_back(in_flight.job.attempt)
        finally:
            try:
                if in_flight.job.releases:
                    await self._give_back(in_flight.job)
            finally:
                if in_flight.holds_lock:
                    self._locks.release(inbox.key_of(in_flight.job))
        return in_flight.ending

    async def _give_back(self, job: Job) -> None:
        """Give back what the handler has taken outside of its commit; that must not delay the verdict for long."""
        for release in job.releases:
            try:
                async with asyncio.timeout(self._release_seconds):
                    await release()
            except Exception as error:  # noqa: BLE001 - whoever takes such a thing gives it an end of its own
                _log.warning("not_given_back", f"{job.type} {job.id}: {describe(error)}")

    def _verdict_on(self, in_flight: InFlightJob, error: Exception) -> Verdict:
        attempt = in_flight.job.attempt
        match error:
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
