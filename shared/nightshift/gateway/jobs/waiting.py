"""Waits for the end of jobs, and streams what becomes of them."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from nightshift.contract.job_events import JobEvent
from nightshift.gateway.jobs.state import JobState, JobStates
from nightshift.gateway.patience import result_or
from nightshift.gateway.slots import Slots
from nightshift.messaging.job_watch import JobWatch, Watched

LOOK_AGAIN_SECONDS = 5.0
"""An event may be lost: whoever waits looks again so often."""
ASK_AFTER_SECONDS = 0.5
"""Most jobs are over by then, and whoever waits for a new one need not ask for it."""
STOP_SECONDS = 10.0
"""For a handler to give back what it holds when it is cancelled."""
OVER = "over"
"""The id of the last event."""


class JobWaiting:
    """Waits for jobs, each for a client that holds a slot meanwhile."""

    def __init__(self, states: JobStates, watch: JobWatch, slots: Slots, draining: asyncio.Event) -> None:
        self._states, self._watch, self._slots, self._draining = states, watch, slots, draining

    def check(self, key_id: str) -> None:
        """Find out whether one more may wait.

        Raises:
            Problem: too many do already.
        """
        self._slots.check(key_id)

    async def end(self, key_id: str, job_type: str, job_id: str, sequence: int | None, seconds: float) -> JobState:
        """Return a job's state when it is over, or after so many seconds as it is then.

        Raises:
            Unavailable: what is needed to tell is away.
            Problem: too many wait already.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        state = JobState(id=job_id, type=job_type, state="accepted")
        with self._slots.taken(key_id):
            async for state in self.states(job_type, job_id, sequence, until):
                if state.is_over:
                    break
        return state

    async def end_of_new(self, key_id: str, state: JobState, watched: Watched, seconds: float) -> JobState:
        """Do so for a job that nobody has enqueued before: it is watched since before that, and need not be looked for.

        Raises:
            Unavailable: what is needed to tell is away.
            Problem: too many wait already.
        """
        until = asyncio.get_running_loop().time() + seconds
        with self._slots.taken(key_id):
            async for further in self._further(state, watched, None, until, silence=ASK_AFTER_SECONDS):
                state = further
        return state

    async def stopped(self, key_id: str, job_type: str, job_id: str) -> JobEvent | None:
        """Have the worker that has a job stop it; return what it told last, None if no worker has it.

        Raises:
            Problem: too many wait already.
        """
        stopping = self._watch.stop(job_type, job_id, seconds=STOP_SECONDS)
        with self._slots.taken(key_id):
            return await result_or(None, stopping, seconds=STOP_SECONDS + 1, draining=self._draining)

    async def stream(self, key_id: str, job_type: str, job_id: str, sequence: int | None) -> AsyncIterator[bytes]:
        """Yield a job's states as server-sent events; the stream ends when the job is over."""
        with self._slots.held(key_id):
            seen = None
            async for state in self.states(job_type, job_id, sequence, None):
                yield b": still waiting\n\n" if state == seen else _event(state)
                seen = state

    async def states(
        self, job_type: str, job_id: str, sequence: int | None, until: float | None
    ) -> AsyncIterator[JobState]:
        """Yield where a job is, now and whenever something is told of it, to its end or until a time of the loop."""
        with self._watch.watching(job_type, job_id) as watched:
            self._watch.ask(job_type, job_id)
            state = await self._states.of(job_type, job_id, sequence)
            yield state
            async for further in self._further(state, watched, sequence, until):
                yield further

    async def _further(
        self,
        state: JobState,
        watched: Watched,
        sequence: int | None,
        until: float | None,
        *,
        silence: float = LOOK_AGAIN_SECONDS,
    ) -> AsyncIterator[JobState]:
        """Yield where a job is from now on. After a first short `silence` its worker is asked, else we look again."""
        loop = asyncio.get_running_loop()
        while not state.is_over and not self._draining.is_set():
            left = silence if until is None else min(silence, until - loop.time())
            if left <= 0:
                return
            event = await result_or(None, watched.next(left), seconds=left, draining=self._draining)
            if event is None and silence < LOOK_AGAIN_SECONDS:
                silence = LOOK_AGAIN_SECONDS
                self._watch.ask(state.type, state.id)
                continue
            if event is None or event.what not in {"started", "progress", "dead"}:
                found = await self._states.of(state.type, state.id, sequence)
                # A job in a worker's hands is nowhere else to be seen: what was told of it last still holds.
                state = state if event is None and found.state in {"queued", "accepted"} else found
            else:
                state = of_event(state, event)
            yield state


def of_event(before: JobState, event: JobEvent) -> JobState:
    """Return the state of a job of which its worker tells that it is dead, or how far it is."""
    if event.what == "dead":
        return JobState(id=before.id, type=before.type, state="dead", attempt=event.attempt, error=event.error)
    return JobState(
        id=before.id,
        type=before.type,
        state="running",
        attempt=event.attempt,
        fraction=event.fraction,
        note=event.note,
    )


def _event(state: JobState) -> bytes:
    final = f"id: {OVER}\n".encode() if state.is_over else b""
    return b"%bevent: %b\ndata: %b\n\n" % (final, state.state.encode(), msgspec.json.encode(state))
