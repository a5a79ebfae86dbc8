"""Which schedule needs attention when: a heap of instants."""

import heapq
from collections.abc import Iterable
from datetime import datetime

from nightshift.scheduler.state.schedule_state import Progress


class Agenda:
    """Every schedule stands in it once, at its next due time or at the time of its next try."""

    def __init__(self, entries: Iterable[Progress] = ()) -> None:
        self._heap: list[tuple[datetime, int, Progress]] = []
        self.rebuild(entries)

    def rebuild(self, entries: Iterable[Progress]) -> None:
        """Forgets all instants and puts every schedule at its next due time."""
        self._heap.clear()
        for entry in entries:
            self.put(entry)

    def put(self, entry: Progress, at: datetime | None = None) -> None:
        """Puts a schedule back, at its next due time or at `at`; one that never comes due again is dropped."""
        at = at or entry.next
        if at is not None:
            heapq.heappush(self._heap, (at, entry.place, entry))

    def take(self, now: datetime) -> list[Progress]:
        """Removes and returns all whose time has come, the longest overdue first.

        What is due together comes in the order of the timetable, so that all replicas publish it in the same groups.
        """
        ready: list[Progress] = []
        while self._heap and self._heap[0][0] <= now:
            ready.append(heapq.heappop(self._heap)[2])
        return ready

    @property
    def first(self) -> datetime | None:
        """When the next one needs attention."""
        return self._heap[0][0] if self._heap else None
