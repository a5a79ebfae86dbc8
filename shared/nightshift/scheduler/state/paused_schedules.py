"""Holds back the schedules that the operator has paused."""

from collections.abc import Sequence
from datetime import timedelta

from nightshift.scheduler.state.cron_stream import EventStream
from nightshift.scheduler.state.event_log import EventLog
from nightshift.scheduler.state.schedule_state import Progress

LOOK_AGAIN = timedelta(seconds=1)
"""How soon a schedule that is paused, with something due, notices that it is resumed."""


class Holding:
    """Knows which schedules are paused; asks the stream whenever something is due, so that nobody has to tell it."""

    def __init__(self, stream: EventStream, reports: EventLog) -> None:
        self._stream, self._reports = stream, reports
        self._held: frozenset[str] = frozenset()

    async def held(self, ready: Sequence[Progress]) -> set[Progress]:
        """Returns which of these are paused. They keep their progress: at resume the misfire policy decides.

        Raises:
            Unavailable: the broker is away, or there is no stream of pauses.
        """
        if not ready:
            return set()
        paused = await self._stream.paused()
        held = {entry for entry in ready if entry.schedule.name in paused}
        self._tell({entry.schedule.name for entry in held}, paused)
        return held

    def _tell(self, names: set[str], paused: frozenset[str]) -> None:
        """Says once of each schedule that it is held back."""
        self._held &= paused
        for name in sorted(names - self._held):
            self._reports.held_back(name)
        self._held |= names
