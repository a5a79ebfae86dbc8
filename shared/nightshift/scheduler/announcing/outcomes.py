"""What becomes of a schedule that was due: recorded in metrics and log, and when it needs attention again."""

from nightshift.scheduler.announcing.due_queue import DueQueue
from nightshift.scheduler.cron.clock import Clock
from nightshift.scheduler.metrics import ScheduleMetrics
from nightshift.scheduler.state.broker_wait import RETRIES
from nightshift.scheduler.state.cron_stream import LastEvent
from nightshift.scheduler.state.event_log import EventLog
from nightshift.scheduler.state.schedule_state import ScheduleState


class Outcomes:
    """Takes each schedule that was due to its next instant; every one goes back into the queue."""

    def __init__(self, queue: DueQueue, clock: Clock, metrics: ScheduleMetrics, log: EventLog) -> None:
        self._queue, self._clock, self._metrics, self._log = queue, clock, metrics, log

    def stored(self, state: ScheduleState, sequence: int) -> None:
        """Its event is stored, at this sequence of the stream."""
        misfired = state.misfired
        due = state.stored(sequence)
        late_seconds = (self._clock.now() - due).total_seconds()
        self._metrics.announced(state.schedule.name, due.timestamp(), late_seconds)
        self._log.announced(state.schedule.name, due, late_seconds)
        if misfired:
            self._count_misfire(state)
        self._queue.put(state)

    def nothing_to_announce(self, state: ScheduleState) -> None:
        """Its due times were missed and are skipped, or they were announced before."""
        if state.misfired:
            self._count_misfire(state)
        self._queue.put(state)

    def overtaken(self, state: ScheduleState) -> None:
        """Another scheduler announced it first."""
        state.failures, state.alone = 0, False
        self._metrics.overtaken += 1
        self._queue.put(state)

    def failed(self, state: ScheduleState, why: Exception) -> None:
        """The broker did not answer: try again with backoff."""
        state.failures += 1
        self._queue.put(state, self._clock.now() + RETRIES.delay(state.failures))
        self._log.not_announced(state.schedule.name, why)

    def refused(self, state: ScheduleState, latest: LastEvent | None, why: Exception) -> bool:
        """The broker refused its event; return whether another scheduler was first.

        A batch is refused for one event in it: the others are tried again at once, each by itself.
        """
        wanted = state.planned[0]
        self.load(state, latest)
        if state.done >= wanted:
            self.overtaken(state)
            return True
        if state.alone and state.failures:
            self.failed(state, why)
        else:
            state.alone, state.failures = True, state.failures + 1
            self._queue.put(state, self._clock.now())
        return False

    def load(self, state: ScheduleState, latest: LastEvent | None, *, at_start: bool = False) -> None:
        """Take in the newest event on its subject; one that no scheduler can have announced in time is logged."""
        wrong = state.load(latest, self._clock.now(), at_start=at_start)
        if wrong:
            self._log.strange_memory(state.schedule.name, wrong)

    def _count_misfire(self, state: ScheduleState) -> None:
        self._metrics.misfires[state.schedule.name] += 1
        self._log.misfired(state.schedule)
