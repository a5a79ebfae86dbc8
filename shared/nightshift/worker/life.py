"""The life of a route's jobs: those that come together take its steps together, and who is special goes on alone."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextvars import copy_context
from typing import Any, Final

import msgspec

from nightshift.worker.endings import Endings
from nightshift.worker.handling import Handling
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.observer import JobObserver
from nightshift.worker.steps import Leaving, Outcome, Step
from nightshift.worker.verdict import Verdict, handed_back

TURN_SECONDS = 0.005
"""How long handlers may run one after the other before everything else on the event loop has its turn."""
HANDLERS: Final = None
"""Stands in a list of steps for running the handlers, which need not run in the task of their group."""


class _Turn(msgspec.Struct):
    """The handlers of a group that run in its task: one at a time, until one of them has to wait."""

    group: list[InFlightJob]
    position: int
    leaving: Leaving
    has_run: int = 0
    is_over: bool = False
    """The one that is running had to wait: the task is its own now, and the others have gone on."""


class Life:
    """Takes groups of one route's jobs through its steps and ends them; one job is a group, too.

    Whatever is special (a duplicate, a failed attempt, a body that has to be fetched) leaves its group, and goes on
    alone by the same steps, or joins those that come to its next step at the same time.
    """

    def __init__(
        self, taken: Sequence[Step | None], handling: Handling, *, observer: JobObserver, endings: Endings
    ) -> None:
        self._steps, self._handling, self._observer, self._endings = taken, handling, observer, endings
        self._arrivals: list[list[InFlightJob]] = [[] for _ in range(len(taken) + 1)]
        """Those that have come to each step alone in this turn of the event loop."""
        self._context = copy_context()

    def start(self, group: list[InFlightJob]) -> None:
        """Take jobs of one type through all their steps, and settle their deliveries, in tasks of their own."""
        self._spawn(group, self._begin(group))

    def _spawn(self, group: list[InFlightJob], work: Coroutine[Any, Any, None]) -> None:
        """Let a group go on in a task of its own. Its context is a clean one: no job sees another's variables."""
        loop, context = asyncio.get_running_loop(), self._context.copy()
        task = loop.create_task(self._run(group, work), context=context)
        for in_flight in group:
            in_flight.task = task  # which keeps it from being collected, too

    async def _run(self, group: list[InFlightJob], work: Coroutine[Any, Any, None]) -> None:
        """Do the work of a group, from which all have gone at its end; who has not was interrupted."""
        try:
            await work
        except Exception:  # noqa: BLE001 - an error of ours must not lose a job: the broker delivers it again
            await self._endings.leave_to_broker(group)
        finally:
            if group:
                await self._endings.interrupt(group)

    async def _begin(self, group: list[InFlightJob]) -> None:
        self._observer.started(group)
        await self._go_on(group, 0)

    async def _go_on(self, group: list[InFlightJob], first: int) -> None:
        """Take the steps from this one on, and end who has taken them all."""
        for position in range(first, len(self._steps)):
            leaving = await self._take(group, position)
            if leaving:
                self._let_go(group, leaving, position + 1)
            if not group:
                return
        self._endings.acknowledge(group)
        group.clear()

    async def _take(self, group: list[InFlightJob], position: int) -> Leaving:
        step = self._steps[position]
        try:
            leaving = self._handle(group, position) if step is HANDLERS else step(group)
            return leaving if isinstance(leaving, list) else await leaving
        except Exception as raised:  # noqa: BLE001 - it belongs to each job of the group
            return [(in_flight, raised) for in_flight in group]

    def _let_go(self, group: list[InFlightJob], leaving: Leaving, following: int) -> None:
        """Let each job whose life goes on, or ends, otherwise than its group's go on alone."""
        left = {in_flight for in_flight, _ in leaving}
        group[:] = [in_flight for in_flight in group if in_flight not in left]
        for in_flight, outcome in leaving:
            alone = [in_flight]
            self._spawn(alone, self._go_alone(alone, outcome, following))

    async def _go_alone(self, alone: list[InFlightJob], outcome: Outcome, following: int) -> None:
        (in_flight,) = alone
        said = await self._said(in_flight, outcome) if isinstance(outcome, Coroutine) else outcome
        if said is None:
            await self._join(alone, following)
        else:
            await self._endings.end(in_flight, said)
            alone.clear()

    async def _said(
        self, in_flight: InFlightJob, outcome: Coroutine[Any, Any, Verdict | None]
    ) -> Verdict | Exception | None:
        """Return what a step says, or raises, when it has what it waits for."""
        try:
            return await outcome
        except Exception as raised:  # noqa: BLE001 - any exception of a handler is a failed attempt
            return raised
        except asyncio.CancelledError:
            if not in_flight.released:
                raise
            return handed_back(in_flight.job.attempt)

    async def _join(self, alone: list[InFlightJob], position: int) -> None:
        """Go on with all that come to this step in the same turn of the event loop, in the first one's task."""
        arrivals = self._arrivals[position]
        arrivals += alone
        if len(arrivals) > len(alone):
            alone.clear()
            return
        try:
            await asyncio.sleep(0)
        finally:
            alone[:] = arrivals
            arrivals.clear()
        task = _this_task()
        for in_flight in alone:
            in_flight.task = task
        await self._go_on(alone, position)

    async def _handle(self, group: list[InFlightJob], position: int) -> Leaving:
        """Run the handlers one after the other in this task; when one has to wait, the others go on without it.

        So a task is made only for a handler that waits, and what a handler finds (its task, its time limit, its
        context) is its own.
        """
        turn, jobs, context = _Turn(group, position, []), group.copy(), copy_context()
        loop, cancelling = asyncio.get_running_loop(), _this_task().cancelling
        others = loop.call_soon(self._others_go_on, turn)
        until = time.monotonic() + TURN_SECONDS
        for in_flight in jobs:
            said = await self._said(in_flight, self._handling(in_flight))
            if said is not None:
                turn.leaving.append((in_flight, said))
            turn.has_run += 1
            if turn.is_over or time.monotonic() > until or copy_context() != context or cancelling():
                break
        others.cancel()
        if not turn.is_over:
            del group[turn.has_run :]
            self._start_anew(jobs[turn.has_run :], [], position)
        if cancelling():  # by its handler: whatever its task would wait for next is cancelled
            ended, group[:] = group.copy(), []
            self._start_anew(ended, turn.leaving, position + 1)
        elif turn.is_over and not turn.leaving:
            await self._join(group, position + 1)
        return turn.leaving if group else []

    def _others_go_on(self, turn: _Turn) -> None:
        """Let the others of a group go on, because the handler in whose task they would run has to wait.

        Where the first has to, the others probably have to as well: each gets its own task at once.
        """
        turn.is_over = True
        ended, (waits, *behind) = turn.group[: turn.has_run], turn.group[turn.has_run :]
        turn.group[:], leaving, turn.leaving = [waits], turn.leaving, []
        self._start_anew(ended, leaving, turn.position + 1)
        if ended:
            self._start_anew(behind, [], turn.position)
        else:
            self._let_go(behind, [(one, self._handling(one)) for one in behind], turn.position + 1)

    def _start_anew(self, group: list[InFlightJob], leaving: Leaving, position: int) -> None:
        """Let a group go on from a step in another task, and each that leaves it in its own."""
        if leaving:
            self._let_go(group, leaving, position)
        if group:
            self._spawn(group, self._go_on(group, position))


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a group goes its way in a task")
    return task
