"""How far one schedule has got: pure decisions, made from its memory and the time."""

from collections import deque
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from nightshift.contract.cron import ScheduleFired
from nightshift.scheduler.cron.due_times import GRACE, missed, next_due
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.state.cron_stream import LastEvent

_NEVER = datetime.min.replace(tzinfo=UTC)
_CHOICE_HOLDS = timedelta(seconds=10)
"""Making up for 100 due times takes a moment; after a longer pause the policy decides anew."""


@dataclass(slots=True, eq=False)
class Progress:
    """One schedule on its way through time. `done`: every due time up to there is dealt with."""

    schedule: Schedule
    done: datetime
    place: int = 0
    """Its place in the timetable."""
    sequence: int = 0
    """The last event on the schedule's subject; the next one is stored only if it still is the last."""
    next: datetime | None = None
    waiting: deque[datetime] = field(default_factory=deque)
    """Due times to announce now, as the misfire policy has it."""
    misfired: bool = False
    doubt: datetime | None = None
    """Due times up to here may have been announced before: a clock was ahead of the time that it is now."""
    chosen: datetime = _NEVER
    """When `waiting` was decided."""
    alone: bool = False
    """The last try was refused: try again by itself, not in a batch."""
    failures: int = 0

    def __post_init__(self) -> None:
        self.next = next_due(self.schedule, self.done)

    def recall(self, memory: LastEvent | None, now: datetime, *, at_start: bool = False) -> str | None:
        """Takes in the newest event on the subject; returns what is wrong with it, in words, or None.

        At start it says where to go on. Later (another scheduler was first) it never takes back what is done.
        """
        self.sequence = memory.sequence if memory else 0
        if memory is None:
            return None
        event = memory.event
        if event is None:
            return f"message {memory.sequence} on its subject is no event, so it says nothing about what was announced"
        due = event.due.astimezone(UTC)
        ours = (event.schedule, event.time_zone) == (self.schedule.expression.text, self.schedule.time_zone)
        if not ours and not (self.waiting and due == self.waiting[0]):
            return None
        if due > now + GRACE:
            self._doubt_up_to(due)
            return f"its last event is due at {due:%Y-%m-%dT%H:%M:%SZ}, which lies in the future: is a clock wrong?"
        self._set_done(due if at_start else max(self.done, due))
        return None

    def clock_was_set_back(self, now: datetime) -> bool:
        """Resumes at `now` if what is done lies in the future; returns whether it does."""
        if self.done <= now + GRACE:
            return False
        self._doubt_up_to(self.done)
        self.waiting.clear()
        self._set_done(now)
        return True

    def choose(self, now: datetime) -> None:
        """Decides what is to be announced at `now`; nothing is left `waiting` when all was missed and is skipped."""
        if self.waiting and not self.failures and self.chosen <= now < self.chosen + _CHOICE_HOLDS:
            return
        self.chosen = now
        if self.next is not None and now - GRACE <= self.next <= now:
            # No misfire, nor is anything later one: the short way, since thousands may be due at once.
            self.misfired = False
            self.waiting = deque([self.next])
            return
        self.misfired = self.next is not None and self.next < now - GRACE
        self.waiting = deque(missed(self.schedule, self.done, now))
        if not self.waiting:
            self._set_done(max(self.done, now))

    def must_ask(self) -> bool:
        """Whether the stream has to be asked, before announcing, if this was announced already."""
        return bool(self.waiting) and self.doubt is not None and self.waiting[0] <= self.doubt

    def leave_out(self, announced: Container[datetime]) -> None:
        """Drops from the head of `waiting` what the stream shows to be announced already."""
        while self.waiting and self.waiting[0] in announced:
            self._set_done(self.waiting[0])

    def event(self, now: datetime) -> ScheduleFired:
        """Returns the event of the first due time that waits."""
        return ScheduleFired(
            name=self.schedule.name,
            schedule=self.schedule.expression.text,
            time_zone=self.schedule.time_zone,
            due=self.waiting[0],
            announced=now,
        )

    def stored(self, sequence: int) -> datetime:
        """Notes that the first due time that waits is announced; returns it."""
        due = self.waiting.popleft()
        self.sequence, self.failures, self.alone, self.misfired = sequence, 0, False, False
        self._set_done(due)
        return due

    def _set_done(self, done: datetime) -> None:
        self.done = done
        while self.waiting and self.waiting[0] <= done:
            self.waiting.popleft()
        self.next = self.waiting[0] if self.waiting else next_due(self.schedule, done)
        if self.doubt is not None and done >= self.doubt:
            self.doubt = None

    def _doubt_up_to(self, until: datetime) -> None:
        self.doubt = until if self.doubt is None else max(self.doubt, until)
