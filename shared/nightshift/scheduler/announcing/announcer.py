"""Announces every due time once: waits for it, publishes its event, and gives way to whoever was first."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from nightshift.heartbeat import Heartbeat
from nightshift.outcomes import Unavailable
from nightshift.scheduler.announcing.due_queue import DueQueue
from nightshift.scheduler.announcing.follower import Follower
from nightshift.scheduler.announcing.outcomes import Outcomes
from nightshift.scheduler.announcing.publishing import publish
from nightshift.scheduler.cron.clock import Clock, SystemClock
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.state.broker_wait import read_latest_events, until_up
from nightshift.scheduler.state.cron_stream import EventStream
from nightshift.scheduler.state.event_log import EventLog
from nightshift.scheduler.state.paused_schedules import LOOK_AGAIN, PausedSchedules
from nightshift.scheduler.state.schedule_state import ScheduleState

_QUESTIONS_IN_FLIGHT = 16
_WORTH_WAITING = timedelta(seconds=1)
"""What is later than this is announced without giving another scheduler a head start."""
_STALLED_SECONDS = 600.0
"""For all that is due at one time: thousands of events take seconds."""
_SET_BACK = timedelta(seconds=1)
"""A clock that goes back further than this was set; less is how clocks are kept right."""


class Announcer:
    """One scheduler of any number: the stream stores an event only from the one that knows its predecessor."""

    def __init__(
        self,
        timetable: Iterable[Schedule],
        stream: EventStream,
        *,
        clock: Clock | None = None,
        metrics: ScheduleMetrics | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._last_look = self._clock.now()
        self._states = {
            schedule.name: ScheduleState(schedule, self._last_look, place) for place, schedule in enumerate(timetable)
        }
        self._stream, self._queue, self._log = stream, DueQueue(), EventLog()
        self._paused = PausedSchedules(stream, self._log)
        self._follower = Follower(stream)
        self._outcomes = Outcomes(self._queue, self._clock, metrics or ScheduleMetrics(self._states), self._log)
        self.loaded = asyncio.Event()
        """Set when the last events are read: from then on every due time is announced."""

    async def run(self, stop: asyncio.Event, heartbeat: Heartbeat) -> None:
        """Announce until `stop` is set, waiting for a broker that is unavailable; end with nothing in flight."""
        await self._load(stop)
        while not stop.is_set():
            await self._clock.wait(self._queue.first, stop)
            if not stop.is_set() and await until_up(self._stream, stop):
                heartbeat.beat(_STALLED_SECONDS)
                await self.announce_due()
                heartbeat.beat()

    async def announce_due(self) -> None:
        """Announce what is due now. Whatever a step leaves out is back in the queue when the step returns."""
        now = self._clock.now()
        self._check_clock(now)
        states = self._queue.take(now)
        states = await self._leave_out_paused(states, now)
        for state in states:
            state.plan(now)
        states = await self._leave_out_announced(states)
        states = self._leave_out_unplanned(states)
        states = await self._let_leader_go_first(states)
        await self._publish(states)
        self._log.flush()

    async def _load(self, stop: asyncio.Event) -> None:
        """Read where each schedule is, however long that takes."""
        latest = await read_latest_events(self._stream, list(self._states), stop, self._log)
        if latest is None:
            return
        for name, state in self._states.items():
            self._outcomes.load(state, latest.get(name), at_start=True)
        self._queue.rebuild(self._states.values())
        self.loaded.set()
        self._log.started(len(self._states), len(latest), self._queue.first)

    def _check_clock(self, now: datetime) -> None:
        """Resume at `now` when the clock was set back; the stream is asked what was announced beyond it."""
        if now < self._last_look - _SET_BACK:
            ahead = sum(state.resume_if_ahead(now) for state in self._states.values())
            self._log.clock_set_back(self._last_look - now, ahead)
            self._queue.rebuild(self._states.values())
        self._last_look = now

    async def _leave_out_paused(self, states: list[ScheduleState], now: datetime) -> list[ScheduleState]:
        """Leave out what is paused, and all when that cannot be known."""
        try:
            paused = await self._paused.among(states)
        except Unavailable as unavailable:
            for state in states:
                self._outcomes.failed(state, unavailable)
            return []
        for state in paused:
            self._queue.put(state, now + LOOK_AGAIN)
        return [state for state in states if state not in paused]

    async def _leave_out_announced(self, states: list[ScheduleState]) -> list[ScheduleState]:
        """Drop due times that the stream shows as announced; leave out schedules about which it does not answer."""
        bound = asyncio.Semaphore(_QUESTIONS_IN_FLIGHT)

        async def ask(state: ScheduleState) -> Unavailable | None:
            try:
                async with bound:
                    state.skip(await self._stream.announced_due_times(state.schedule.name))
            except Unavailable as unavailable:
                return unavailable
            return None

        doubtful = [state for state in states if state.may_be_announced()]
        answers = await asyncio.gather(*(ask(state) for state in doubtful))
        failed = {state: why for state, why in zip(doubtful, answers, strict=True) if why is not None}
        for state, why in failed.items():
            self._outcomes.failed(state, why)
        return [state for state in states if state not in failed]

    def _leave_out_unplanned(self, states: list[ScheduleState]) -> list[ScheduleState]:
        """Leave out schedules with nothing to announce after all: missed and skipped, or announced before."""
        for state in states:
            if not state.planned:
                self._outcomes.nothing_to_announce(state)
        return [state for state in states if state.planned]

    async def _let_leader_go_first(self, states: list[ScheduleState]) -> list[ScheduleState]:
        """Let the scheduler that was first lately be first again; leave out what it announced."""
        now = self._clock.now()
        fresh = [state for state in states if not state.failures and now - state.planned[0] < _WORTH_WAITING]
        if not fresh or not self._follower.behind:
            return states
        try:
            await self._follower.wait(fresh)
            latest = await self._stream.latest_events([state.schedule.name for state in fresh])
        except Unavailable:
            return states
        for state in fresh:
            self._outcomes.load(state, latest.get(state.schedule.name))
            if not state.planned:
                self._outcomes.overtaken(state)
        return [state for state in states if state.planned]

    async def _publish(self, states: Sequence[ScheduleState]) -> None:
        """Publish one event of each, and deal with the answers."""
        refused: list[tuple[ScheduleState, Exception]] = []
        stored = 0
        for state, answer in await publish(states, self._stream, self._clock):
            if isinstance(answer, int):
                self._outcomes.stored(state, answer)
                stored += 1
            elif isinstance(answer, Unavailable):
                self._outcomes.failed(state, answer)
            else:
                refused.append((state, answer))
        self._follower.note(stored=stored, overtaken=await self._find_out_why(refused))

    async def _find_out_why(self, refused: Sequence[tuple[ScheduleState, Exception]]) -> int:
        """Read the last events again: mostly another scheduler was first. Return in how many cases it was."""
        if not refused:
            return 0
        try:
            latest = await self._stream.latest_events([state.schedule.name for state, _ in refused])
        except Unavailable as unavailable:
            for state, _ in refused:
                self._outcomes.failed(state, unavailable)
            return 0
        return sum(self._outcomes.refused(state, latest.get(state.schedule.name), why) for state, why in refused)
