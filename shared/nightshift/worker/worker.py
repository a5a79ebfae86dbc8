"""A worker: pulls as many jobs as it has slots for, runs them, keeps the broker informed, drains at the end."""

import asyncio
import contextlib
import random
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NoReturn

from nightshift.broker.delivery import Delivery
from nightshift.heartbeat import Heartbeat
from nightshift.observability.log import get_logger
from nightshift.worker import gc_tuning
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.pipeline import Pipeline
from nightshift.worker.policies import DEFAULT_POLICIES, Policies
from nightshift.worker.pull import Pull

_STALLED_SECONDS = 30.0
"""A tick waits for nothing: when none has come for so long, none will."""
_NAKS_REMEMBERED = 10_000
_log = get_logger("worker")


class Worker:
    """Runs delivered jobs, at most `slots` concurrently."""

    def __init__(
        self, pipeline: Pipeline, circuit: CircuitBreaker, *, slots: int, policies: Policies = DEFAULT_POLICIES
    ) -> None:
        self._pipeline, self._circuit, self._slots, self._policies = pipeline, circuit, slots, policies
        self.pulls: Sequence[Pull] = ()
        self._waiting: deque[InFlightJob] = deque()
        self.running: set[InFlightJob] = set()
        self._suspects: set[InFlightJob] = set()
        self._isolated: InFlightJob | None = None
        self._lookups: set[asyncio.Task[None]] = set()
        self._draining = False
        self._requesting = self._starting = False
        self._known_naks: OrderedDict[str, int] = OrderedDict()
        self._idle = asyncio.Event()
        pipeline.endings.ended = self._ended

    @property
    def in_flight(self) -> int:
        """Deliveries that wait for a slot or run."""
        return len(self._waiting) + len(self.running)

    def held(self) -> tuple[InFlightJob, ...]:
        """Return what waits for a slot or runs."""
        return *self._waiting, *self.running

    async def start(self, pulls: Sequence[Pull]) -> None:
        """Begin to pull; `tick` has to run as well."""
        self.pulls = pulls
        for pull in pulls:
            await pull.start()
        self.request()

    def receive(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries that a pull has received."""
        for delivery in deliveries:
            is_first = delivery.delivered == 1
            self._waiting.append(self._pipeline.identify(delivery) if is_first else self._come_again(delivery))
        self._start_ready()

    def _come_again(self, delivery: Delivery) -> InFlightJob:
        """Identify what was delivered before, and look into it when nobody here knows how that ended."""
        in_flight = self._pipeline.identify(delivery, self._known_naks.get(delivery.origin(), 0))
        if in_flight.must_run_alone:
            self._suspects.add(in_flight)
            lookup = asyncio.create_task(self._account(in_flight))
            self._lookups.add(lookup)
            lookup.add_done_callback(self._lookups.discard)
        return in_flight

    def request(self) -> None:
        """Request as many jobs as there are free slots."""
        self._requesting = False
        if self._draining or self._suspects or not self._circuit.closed:
            return  # don't fetch more jobs while a suspected crasher runs
        targets = allocate_slots(self._slots - self.in_flight, [pull.has_more for pull in self.pulls])
        for pull, target in zip(self.pulls, targets, strict=True):
            pull.request(target)

    async def drain(self, grace_seconds: float) -> None:
        """Stop pulling, let what runs finish within the grace period, and release the rest."""
        self._draining = True
        await asyncio.gather(*(pull.stop() for pull in self.pulls))
        _log.info("draining", f"{len(self.running)} jobs in flight may finish within {grace_seconds:g} s")
        await self._release_waiting()
        await self._until_idle(grace_seconds)
        for in_flight in self.running:
            in_flight.release()
        await self._until_idle(self._policies.settling_seconds)
        await self._abandon()

    async def _release_waiting(self) -> None:
        waiting, self._waiting = list(self._waiting), deque()
        await asyncio.gather(*(self._pipeline.release(in_flight) for in_flight in waiting), return_exceptions=True)

    async def _abandon(self) -> None:
        """End what is still there; the broker delivers it again, and the next worker finds what was committed."""
        left = {in_flight.task: in_flight for in_flight in self.running if in_flight.task is not None}
        for task in left:
            task.cancel()
        _, stuck = await asyncio.wait(left, timeout=self._policies.settling_seconds) if left else (set(), set())
        for task in stuck:
            what = left[task].delivery.subject
            _log.error("handler_stuck", f"{what}: the handler swallows its cancellation; leaving it behind")

    async def _until_idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.running:
                    self._idle.clear()
                    await self._idle.wait()

    async def _account(self, suspect: InFlightJob) -> None:
        """Clear a suspect whose deliveries were nak'ed by other replicas; until that is known it stays one."""
        await self._pipeline.account(suspect)
        if not suspect.must_run_alone:
            self._suspects.discard(suspect)
            if self._isolated is suspect:
                self._isolated = None
            self._start_ready()

    def _start_soon(self) -> None:
        """Start what waits when all that ends in this turn of the event loop has ended, so that it goes together."""
        if not self._starting:
            self._starting = True
            asyncio.get_running_loop().call_soon(self._start_ready)

    def _start_ready(self) -> None:
        self._starting = False
        while self._waiting and len(self.running) < self._slots and self._isolated is None:
            group = self._next_group()
            if not group:
                break
            self.running.update(group)
            self._pipeline.start(group)
        self._request_soon()

    def _next_group(self) -> list[InFlightJob]:
        """Take the next ones out of the waiting; while there are suspects only one, or none if that has to wait."""
        if self._suspects:
            in_flight = self._next()
            return [] if in_flight is None else [in_flight]
        count = min(len(self._waiting), self._slots - len(self.running))
        return [self._waiting.popleft() for _ in range(count)]

    def _next(self) -> InFlightJob | None:
        """Take the next one out of the waiting; None while a suspect has to wait until nobody else runs.

        What waits beside a job that kills the process dies with it, and becomes a suspect too. So the others go first,
        and of suspects a random one, so each process lifetime completes about half of the harmless ones.
        """
        in_flight = next((one for one in self._waiting if one not in self._suspects), None)
        if in_flight is None:
            if self.running:
                return None
            in_flight = self._isolated = random.choice(self._waiting)  # noqa: S311 - no secret
        self._waiting.remove(in_flight)
        return in_flight

    def _ended(self, group: Sequence[InFlightJob]) -> None:
        self.running.difference_update(group)
        self._suspects.difference_update(group)
        for in_flight in group:
            if in_flight.nakked:
                self._remember_nak(in_flight.delivery)
            if in_flight is self._isolated:
                self._isolated = None
        if not self.running:
            self._idle.set()
        self._start_soon()

    def _remember_nak(self, delivery: Delivery) -> None:
        """Remember a delivery that ended in good order although the broker will count it."""
        origin = delivery.origin()
        self._known_naks[origin] = self._known_naks.get(origin, 0) + 1
        self._known_naks.move_to_end(origin)
        if len(self._known_naks) > _NAKS_REMEMBERED:
            self._known_naks.popitem(last=False)

    def _request_soon(self) -> None:
        if not self._requesting:
            self._requesting = True
            asyncio.get_running_loop().call_soon(self.request)

    async def tick(self, heartbeat: Heartbeat) -> NoReturn:
        """Report progress, enforce time limits and check the pulls, every second until cancelled (after `drain`)."""
        while True:
            heartbeat.beat(_STALLED_SECONDS)
            await asyncio.sleep(self._policies.tick_seconds)
            now = time.monotonic()
            for in_flight in self.held():
                in_flight.tick(now, self._policies.progress_seconds)
            for pull in self.pulls:
                pull.check(now)
            gc_tuning.collect_young()
            self.request()


def allocate_slots(free: int, busy: Sequence[bool]) -> list[int]:
    """Return how many jobs to request from each stream, given the free slots and which streams have more.

    A stream that seems empty keeps a small request open (a quarter of the room, for two), or its next job would wait
    for a slot that another's request holds; the rest goes to those with a backlog. Every stream may be asked for one:
    a worker with fewer slots than streams can be handed as many jobs too many as it has streams.
    """
    if free < 1 or not busy:
        return [0] * len(busy)
    if not any(busy):
        return [max(1, free // len(busy))] * len(busy)
    idle = max(1, free // (2 * len(busy)))
    rest = free - idle * (len(busy) - sum(busy))
    return [max(1, rest // sum(busy)) if is_busy else idle for is_busy in busy]
