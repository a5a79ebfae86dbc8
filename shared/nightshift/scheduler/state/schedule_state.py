"""How far one schedule has got: pure decisions, made from its last event and the time."""

from collections import deque
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from nightshift.contract.cron import ScheduleFired
from nightshift.instants import rfc3339
from nightshift.scheduler.cron.due_times import GRACE, missed, next_due
from nightshift.scheduler.cron.schedule import Schedule
from nightshift.scheduler.state.cron_stream import LastEvent

_NEVER = datetime.min.replace(tzinfo=UTC)
_PLAN_HOLDS = timedelta(seconds=10)
"""Making up for 100 due times takes a moment; after a longer pause the policy decides anew."""


@dataclass(slots=True, eq=False)
class ScheduleState:
    """One schedule on its way through time. Every due time up to `done` is dealt with."""

    schedule: Schedule
    done: datetime
    place: int = 0
    """Its place in the timetable."""
    sequence: int = 0
    """The last event on the schedule's subject; the next one is stored only if it still is the last."""
    next: datetime | None = None
    planned: deque[datetime] = field(default_factory=deque)
    """Due times to announce now, as the misfire policy has it."""
    planned_at: datetime = _NEVER
    misfired: bool = False
    """Whether the plan makes up for due times that were missed, or drops them."""
    maybe_announced_until: datetime | None = None
    """Due times up to here may have been announced before: some clock was ahead of what it is now."""
    alone: bool = False
    """The last attempt was refused: try again by itself, not in a batch."""
    failures: int = 0

    def __post_init__(self) -> None:
        self.next = next_due(self.schedule, self.done)

    def load(self, last: LastEvent | None, now: datetime, *, at_start: bool = False) -> str | None:
        """Take in the newest event on the subject; return what is wrong with it, in words, or None.

        At start it says where to go on. Later (another scheduler was first) it never undoes what is done.
        """
        self.sequence = last.sequence if last else 0
        if last is None:
            return None
        event = last.event
        if event is None:
            return f"message {last.sequence} on its subject is no event, so it says nothing about what was announced"
        due = event.due.astimezone(UTC)
        ours = (event.schedule, event.time_zone) == (self.schedule.expression.text, self.schedule.time_zone)
        if not ours and not (self.planned and due == self.planned[0]):
            return None
        if due > now + GRACE:
            self._maybe_announced(due)
            return f"its last event is due at {rfc3339(due, 'seconds')}, which lies in the future: is a clock wrong?"
        self._set_done(due if at_start else max(self.done, due))
        return None

    def resume_if_ahead(self, now: datetime) -> bool:
        """Resume at `now` if what is done lies in the future; return whether it does."""
        if self.done <= now + GRACE:
            return False
        self._maybe_announced(self.done)
        self.planned.clear()
        self._set_done(now)
        return True

    def plan(self, now: datetime) -> None:
        """Decide what is to be announced at `now`; nothing is planned when all was missed and is skipped."""
        if self.planned and not self.failures and self.planned_at <= now < self.planned_at + _PLAN_HOLDS:
            return
        self.planned_at = now
        if self.next is not None and now - GRACE <= self.next <= now:
            # No misfire, nor is anything later one: the short way, since thousands may be due at once.
            self.misfired = False
            self.planned = deque([self.next])
            return
        self.misfired = self.next is not None and self.next < now - GRACE
        self.planned = deque(missed(self.schedule, self.done, now))
        if not self.planned:
            self._set_done(max(self.done, now))

    def may_be_announced(self) -> bool:
        """Return whether the stream has to be asked if the first planned due time was announced already."""
        return bool(self.planned) and (
            self.maybe_announced_until is not None and self.planned[0] <= self.maybe_announced_until
        )

    def skip(self, announced: Container[datetime]) -> None:
        """Drop from the head of the plan what the stream shows to be announced already."""
        while self.planned and self.planned[0] in announced:
            self._set_done(self.planned[0])

    def event(self, now: datetime) -> ScheduleFired:
        """Return the event of the first planned due time."""
        return ScheduleFired(
            name=self.schedule.name,
            schedule=self.schedule.expression.text,
            time_zone=self.schedule.time_zone,
            due=self.planned[0],
            announced=now,
        )

    def stored(self, sequence: int) -> datetime:
        """Move on after the first planned due time, which is announced now; return it."""
        due = self.planned.popleft()
        self.sequence, self.failures, self.alone, self.misfired = sequence, 0, False, False
        self._set_done(due)
        return due

    def _set_done(self, done: datetime) -> None:
        self.done = done
        while self.planned and self.planned[0] <= done:
            self.planned.popleft()
        self.next = self.planned[0] if self.planned else next_due(self.schedule, done)
        if self.maybe_announced_until is not None and done >= self.maybe_announced_until:
            self.maybe_announced_until = None

    def _maybe_announced(self, until: datetime) -> None:
        self.maybe_announced_until = max(until, self.maybe_announced_until or until)
