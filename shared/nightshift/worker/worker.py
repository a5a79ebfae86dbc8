"""A worker: pulls as much as it has slots for, works it off, keeps the broker informed, drains at the end."""

import asyncio
import contextlib
import random
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NoReturn

from nightshift.backoff import backoff
from nightshift.broker.delivery import Delivery
from nightshift.heartbeat import Heartbeat
from nightshift.observability.log import get_logger
from nightshift.topology.topology import PROGRESS_SECONDS
from nightshift.worker import gc_tuning
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.pipeline import Pipeline
from nightshift.worker.pull import Pull
from nightshift.worker.slots import allocate_slots

TICK_SECONDS = 1.0
_STALLED_SECONDS = 30.0
"""A tick waits for nothing: when none has come for so long, none will."""
_SETTLING_SECONDS = 5.0
"""After the grace period: for what has only to be handed back."""
_EXPLAINED_KEPT = 10_000
_log = get_logger("worker")


class Worker:
    """Works off what its pulls deliver, at most `slots` at a time."""

    def __init__(self, pipeline: Pipeline, circuit: CircuitBreaker, *, slots: int) -> None:
        self._pipeline, self._circuit, self._slots = pipeline, circuit, slots
        self.pulls: Sequence[Pull] = ()
        self._waiting: deque[InFlightJob] = deque()
        self._running: set[InFlightJob] = set()
        self._alone = False
        self._suspects = 0
        self._draining = False
        self._asking = False
        self._explained: OrderedDict[str, int] = OrderedDict()
        self._idle = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Deliveries that wait for a slot or run."""
        return len(self._waiting) + len(self._running)

    async def start(self, pulls: Sequence[Pull]) -> None:
        """Begin to pull; `tick` has to run as well."""
        self.pulls = pulls
        for pull in pulls:
            await pull.start()
        self.ask()

    def receive(self, delivery: Delivery) -> None:
        """Takes a delivery into hand."""
        explained = self._explained.get(delivery.origin(), 0) if delivery.delivered > 1 else 0
        hand = InFlightJob(delivery, delivery.delivered - explained)
        self._suspects += hand.must_run_alone
        self._waiting.append(hand)
        self._start_ready()
        self._ask_soon()

    def ask(self) -> None:
        """Asks the broker for as many jobs as there are free slots."""
        self._asking = False
        if self._draining or self._suspects or not self._circuit.closed:
            return  # nobody is fetched into the company of a job that may kill the process
        targets = allocate_slots(self._slots - self.in_flight, [pull.busy for pull in self.pulls])
        for pull, target in zip(self.pulls, targets, strict=True):
            pull.ask(target)

    async def drain(self, grace_seconds: float) -> None:
        """Stops pulling, lets what runs finish within the grace period, and hands the rest back."""
        self._draining = True
        await asyncio.gather(*(pull.stop() for pull in self.pulls))
        _log.info("draining", f"{len(self._running)} jobs in hand may finish within {grace_seconds:g} s")
        await self._hand_back_waiting()
        await self._until_idle(grace_seconds)
        for hand in self._running:
            hand.release()
        await self._until_idle(_SETTLING_SECONDS)
        await self._leave_behind()

    async def _hand_back_waiting(self) -> None:
        waiting, self._waiting = list(self._waiting), deque()
        await asyncio.gather(*(self._pipeline.release(hand) for hand in waiting), return_exceptions=True)

    async def _leave_behind(self) -> None:
        """Ends what is still there; the broker delivers it again, and the next worker finds what was committed."""
        left = {hand.task: hand for hand in self._running if hand.task is not None}
        for task in left:
            task.cancel()
        _, stuck = await asyncio.wait(left, timeout=_SETTLING_SECONDS) if left else (set(), set())
        for task in stuck:
            what = left[task].delivery.subject
            _log.error("handler_stuck", f"{what}: the handler swallows its cancellation; leaving it behind")

    async def _until_idle(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._running:
                    self._idle.clear()
                    await self._idle.wait()

    def _start_ready(self) -> None:
        while self._waiting and len(self._running) < self._slots and not self._alone:
            hand = self._next()
            if hand is None:
                return
            self._running.add(hand)
            hand.task = asyncio.create_task(self._run(hand))

    def _next(self) -> InFlightJob | None:
        """Takes the next one out of the waiting; None while a suspect has to wait until nobody else runs.

        What waits beside a job that kills the process dies with it, and is a suspect too in the end. So the others go
        first, and of suspects any one: each life of the process then does about half of the innocent among them.
        """
        if not self._suspects:
            return self._waiting.popleft()
        hand = next((hand for hand in self._waiting if not hand.must_run_alone), None)
        if hand is None:
            if self._running:
                return None
            hand = random.choice(self._waiting)  # noqa: S311 - no secret
            self._alone = True
        self._waiting.remove(hand)
        return hand

    async def _run(self, hand: InFlightJob) -> None:
        try:
            await self._pipeline.work(hand)
        except Exception:  # noqa: BLE001 - a fault of ours must not lose the job: the broker delivers it again
            _log.exception("pipeline_failed", f"{hand.delivery.subject}: an error of the worker itself; it comes again")
            hand.nak_delivery(backoff(hand.delivery.delivered))
        finally:
            self._finished(hand)

    def _finished(self, hand: InFlightJob) -> None:
        self._running.discard(hand)
        if hand.nakked:
            self._remember(hand.delivery)
        if hand.must_run_alone:
            self._suspects -= 1
            self._alone = False
        if not self._running:
            self._idle.set()
        self._start_ready()
        self._ask_soon()

    def _remember(self, delivery: Delivery) -> None:
        """Notes a delivery that ended in good order although the broker will count it."""
        origin = delivery.origin()
        self._explained[origin] = self._explained.get(origin, 0) + 1
        self._explained.move_to_end(origin)
        if len(self._explained) > _EXPLAINED_KEPT:
            self._explained.popitem(last=False)

    def _ask_soon(self) -> None:
        if not self._asking:
            self._asking = True
            asyncio.get_running_loop().call_soon(self.ask)

    async def tick(self, heartbeat: Heartbeat) -> NoReturn:
        """Report progress, enforce time limits and check the pulls, every second until cancelled (after `drain`)."""
        while True:
            heartbeat.beat(_STALLED_SECONDS)
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            for hand in (*self._waiting, *self._running):
                hand.tick(now, PROGRESS_SECONDS)
            for pull in self.pulls:
                pull.check(now)
            gc_tuning.collect_young()
            self.ask()
