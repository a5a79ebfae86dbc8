"""Announces every due time once: waits for it, publishes its event, and gives way to whoever was first."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from nightshift.backoff import RetryPolicy
from nightshift.heartbeat import Heartbeat
from nightshift.outcomes import Unavailable
from nightshift.scheduler.announcing.due_queue import Agenda
from nightshift.scheduler.announcing.follower import Standby
from nightshift.scheduler.announcing.publishing import publish
from nightshift.scheduler.cron.clock import SystemTime, Timekeeper
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.state.broker_wait import LONGEST_BACKOFF_SECONDS, read_memories, until_up
from nightshift.scheduler.state.cron_stream import EventStream, LastEvent
from nightshift.scheduler.state.event_log import EventLog
from nightshift.scheduler.state.paused_schedules import LOOK_AGAIN, Holding
from nightshift.scheduler.state.schedule_state import Progress

_QUESTIONS_IN_FLIGHT = 16
_WORTH_WAITING = timedelta(seconds=1)
"""What is later than this is announced without giving another scheduler a head start."""
_STALLED_SECONDS = 600.0  # for all that is due at one time: thousands of events take seconds
_SET_BACK = timedelta(seconds=1)
"""A clock that goes back further than this was set; less is how clocks are kept right."""


class Announcer:
    """One scheduler of any number: the stream stores an event only from the one that knows its predecessor."""

    def __init__(
        self,
        timetable: Iterable[Schedule],
        stream: EventStream,
        *,
        time: Timekeeper | None = None,
        metrics: ScheduleMetrics | None = None,
    ) -> None:
        self._time = time or SystemTime()
        self._last_look = self._time.now()
        self._entries = {
            schedule.name: Progress(schedule, self._last_look, place) for place, schedule in enumerate(timetable)
        }
        self._stream = stream
        self._standby = Standby(stream)
        self._metrics = metrics or ScheduleMetrics(self._entries)
        self._reports, self._agenda = EventLog(), Agenda()
        self._holding = Holding(stream, self._reports)
        self.recalled = asyncio.Event()
        """Set when the memory is read: from then on every due time is announced."""

    async def run(self, stop: asyncio.Event, heartbeat: Heartbeat) -> None:
        """Announce until `stop` is set; wait for a broker that is unavailable. Ends with nothing in flight."""
        await self._start(stop)
        while not stop.is_set():
            await self._time.wait(self._agenda.first, stop)
            if not stop.is_set() and await until_up(self._stream, stop):
                heartbeat.beat(_STALLED_SECONDS)
                await self.look()
                heartbeat.beat()

    async def look(self) -> None:
        """Announces what is due now."""
        now = self._time.now()
        self._notice_clock(now)
        ready = await self._without_paused(self._agenda.take(now), now)
        for entry in ready:
            entry.choose(now)
        ready = await self._ask_about(ready)
        for entry in (entry for entry in ready if not entry.waiting):
            self._left_out(entry)
        due = [entry for entry in ready if entry.waiting]
        if due and self._standby.behind:
            due = await self._after_the_other(due)
        await self._announce(due)
        self._reports.flush()

    async def _start(self, stop: asyncio.Event) -> None:
        """Reads the memory, however long that takes."""
        memories = await read_memories(self._stream, list(self._entries), stop, self._reports)
        if memories is None:
            return
        for name, entry in self._entries.items():
            self._take_in(entry, memories.get(name), at_start=True)
        self._agenda.rebuild(self._entries.values())
        self.recalled.set()
        self._reports.started(len(self._entries), len(memories), self._agenda.first)

    def _notice_clock(self, now: datetime) -> None:
        """Resumes at `now` when the clock was set back; the stream is asked what was announced beyond it."""
        if now < self._last_look - _SET_BACK:
            ahead = sum(entry.clock_was_set_back(now) for entry in self._entries.values())
            self._reports.clock_set_back(self._last_look - now, ahead)
            self._agenda.rebuild(self._entries.values())
        self._last_look = now

    async def _without_paused(self, ready: list[Progress], now: datetime) -> list[Progress]:
        """Puts back what is paused, and all when it cannot be known; returns the others."""
        try:
            held = await self._holding.held(ready)
        except Unavailable as away:
            for entry in ready:
                self._try_again(entry, away)
            return []
        for entry in held:
            self._agenda.put(entry, now + LOOK_AGAIN)
        return [entry for entry in ready if entry not in held]

    async def _ask_about(self, ready: list[Progress]) -> list[Progress]:
        """Asks the stream about due times in doubt; returns all but those for which it gave no answer."""
        bound = asyncio.Semaphore(_QUESTIONS_IN_FLIGHT)

        async def ask(entry: Progress) -> None:
            async with bound:
                entry.leave_out(await self._stream.history(entry.schedule.name))

        doubtful = [entry for entry in ready if entry.must_ask()]
        answers = await asyncio.gather(*(ask(entry) for entry in doubtful), return_exceptions=True)
        unanswered: set[Progress] = set()
        for entry, answer in zip(doubtful, answers, strict=True):
            if isinstance(answer, Unavailable):
                self._try_again(entry, answer)
                unanswered.add(entry)
            elif isinstance(answer, BaseException):
                raise answer
        return [entry for entry in ready if entry not in unanswered]

    async def _announce(self, entries: Sequence[Progress]) -> None:
        """Publishes one event of each, and then deals with the answers."""
        outrun, stored = self._metrics.outrun, 0
        refused: list[tuple[Progress, Exception]] = []
        for entry, answer in await publish(entries, self._stream, self._time):
            if isinstance(answer, int):
                self._stored(entry, answer)
                stored += 1
            elif isinstance(answer, Unavailable):
                self._try_again(entry, answer)
            else:
                refused.append((entry, answer))
        if refused:
            await self._give_way(refused)
        self._standby.note(stored=stored, outrun=self._metrics.outrun - outrun)

    async def _after_the_other(self, entries: list[Progress]) -> list[Progress]:
        """Lets the scheduler that was first lately be first; returns what it did not announce."""
        now = self._time.now()
        fresh = [entry for entry in entries if not entry.failures and now - entry.waiting[0] < _WORTH_WAITING]
        if not fresh:
            return entries
        try:
            await self._standby.wait(fresh)
            memories = await self._stream.memories([entry.schedule.name for entry in fresh])
        except Unavailable:
            return entries
        for entry in fresh:
            self._take_in(entry, memories.get(entry.schedule.name))
            if not entry.waiting:
                self._outrun(entry)
        return [entry for entry in entries if entry.waiting]

    def _stored(self, entry: Progress, sequence: int) -> None:
        misfired = entry.misfired
        due = entry.stored(sequence)
        late_seconds = (self._time.now() - due).total_seconds()
        self._metrics.announced(entry.schedule.name, due.timestamp(), late_seconds)
        self._reports.announced(entry.schedule.name, due, late_seconds)
        if misfired:
            self._misfired(entry)
        self._agenda.put(entry)

    def _left_out(self, entry: Progress) -> None:
        """Goes on after due times that are not announced: missed and skipped, or announced before."""
        if entry.misfired:
            self._misfired(entry)
        self._agenda.put(entry)

    def _misfired(self, entry: Progress) -> None:
        self._metrics.misfires[entry.schedule.name] += 1
        self._reports.misfired(entry.schedule)

    def _try_again(self, entry: Progress, why: Exception) -> None:
        entry.failures += 1
        wait = RetryPolicy(ceiling_seconds=LONGEST_BACKOFF_SECONDS).delay(entry.failures)
        self._agenda.put(entry, self._time.now() + wait)
        self._reports.not_announced(entry.schedule.name, why)

    async def _give_way(self, refused: Sequence[tuple[Progress, Exception]]) -> None:
        """Reads the memory again: mostly another scheduler was first; what it did not announce is tried singly."""
        try:
            memories = await self._stream.memories([entry.schedule.name for entry, _ in refused])
        except Unavailable as away:
            for entry, _ in refused:
                self._try_again(entry, away)
            return
        for entry, why in refused:
            self._after_refusal(entry, memories.get(entry.schedule.name), why)

    def _after_refusal(self, entry: Progress, memory: LastEvent | None, why: Exception) -> None:
        wanted = entry.waiting[0]
        self._take_in(entry, memory)
        if entry.done >= wanted:
            self._outrun(entry)
        elif entry.alone and entry.failures:
            self._try_again(entry, why)
        else:
            entry.alone, entry.failures = True, entry.failures + 1
            self._agenda.put(entry, self._time.now())

    def _take_in(self, entry: Progress, memory: LastEvent | None, *, at_start: bool = False) -> None:
        wrong = entry.recall(memory, self._time.now(), at_start=at_start)
        if wrong:
            self._reports.strange_memory(entry.schedule.name, wrong)

    def _outrun(self, entry: Progress) -> None:
        """Goes on after what another scheduler announced first."""
        entry.failures, entry.alone = 0, False
        self._metrics.outrun += 1
        self._agenda.put(entry)
