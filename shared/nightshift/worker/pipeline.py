"""A job's life in a worker: the list of its steps, which jobs that come together take together."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from nightshift.broker.delivery import Delivery
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable
from nightshift.worker import steps
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.endings import Endings
from nightshift.worker.handling import Handling
from nightshift.worker.in_flight import InFlightJob, identify
from nightshift.worker.keyed_lock import KeyedLock
from nightshift.worker.life import HANDLERS, Life
from nightshift.worker.observer import JobObserver
from nightshift.worker.policies import JobLimits, Policies
from nightshift.worker.router import NO_ROUTE, Route
from nightshift.worker.settlement import Settler
from nightshift.worker.verdict import handed_back

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


class Pipeline:
    """Runs the jobs of one service: `identify` each delivery, then `start` those that came together.

    `endings.ended` is told of every job that was started, once.
    """

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
        self._settler, self._guard = settler, guard
        locks = KeyedLock()
        self.endings = Endings(settler, observer, locks=locks, circuit=circuit, limits=limits, policies=policies)
        life: tuple[tuple[steps.Step | None, Callable[[Route], bool]], ...] = (
            # Each step, in order, and which routes have it. `identify` has read the headers before.
            (steps.dead_mark, every),
            (steps.malformed, every),
            (partial(steps.outage, circuit), every),
            (partial(steps.crash_loop, guard, policies.crash_loop_after), every),
            (partial(steps.unknown_type, routes), is_unknown),
            (partial(steps.body, objects), every),
            (partial(steps.lock, locks), has_inbox),
            (partial(steps.look_up, committer, settler), has_inbox),
            (HANDLERS, every),
            (partial(steps.commit, committer, settler), has_inbox),
            (partial(steps.follow_ups, settler), has_inbox),
            (steps.give_back, every),
            # `Endings` acknowledges who has taken them all, and settles the others.
        )

        def life_of(route: Route) -> Life:
            taken = [step for step, chooses in life if chooses(route)]
            return Life(taken, Handling(route, limits), observer=observer, endings=self.endings)

        self._unknown = life_of(NO_ROUTE)
        self._lives = {name: life_of(route) for name, route in routes.items()}

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

    def start(self, in_flight: Iterable[InFlightJob]) -> None:
        """Take jobs through all their steps and settle their deliveries, in tasks of their own."""
        by_type: dict[str, list[InFlightJob]] = {}
        for one in in_flight:
            by_type.setdefault(one.job.type, []).append(one)
        for job_type, group in by_type.items():
            self._lives.get(job_type, self._unknown).start(group)

    async def release(self, in_flight: InFlightJob) -> None:
        """Release a job that was not started to another worker, at once and without an attempt."""
        await self._settler.settle(in_flight, handed_back(in_flight.job.attempt))
