"""Which schedule needs attention when: a heap of instants."""

import heapq
from collections.abc import Iterable
from datetime import datetime

from nightshift.scheduler.state.schedule_state import ScheduleState


class DueQueue:
    """Holds every schedule once, at its next due time or at the time of its next attempt."""

    def __init__(self, states: Iterable[ScheduleState] = ()) -> None:
        self._heap: list[tuple[datetime, int, ScheduleState]] = []
        self.rebuild(states)

    def rebuild(self, states: Iterable[ScheduleState]) -> None:
        """Forget all instants and put every schedule at its next due time."""
        self._heap.clear()
        for state in states:
            self.put(state)

    def put(self, state: ScheduleState, at: datetime | None = None) -> None:
        """Put a schedule back, at its next due time or at `at`; drop one that never comes due again."""
        at = at or state.next
        if at is not None:
            heapq.heappush(self._heap, (at, state.place, state))

    def take(self, now: datetime) -> list[ScheduleState]:
        """Remove and return all whose time has come, the one that is due longest first.

        What is due together comes in the order of the timetable, so that all replicas publish it in the same groups.
        """
        ready: list[ScheduleState] = []
        while self._heap and self._heap[0][0] <= now:
            ready.append(heapq.heappop(self._heap)[2])
        return ready

    @property
    def first(self) -> datetime | None:
        """Return when the next one needs attention."""
        return self._heap[0][0] if self._heap else None
