"""Holds back the schedules that the operator has paused."""

from collections.abc import Sequence
from datetime import timedelta

from nightshift.scheduler.state.cron_stream import EventStream
from nightshift.scheduler.state.event_log import EventLog
from nightshift.scheduler.state.schedule_state import ScheduleState

LOOK_AGAIN = timedelta(seconds=1)
"""How soon a paused schedule with something due notices that it is resumed."""


class PausedSchedules:
    """Knows which schedules are paused; asks the stream whenever something is due, so that nobody has to tell it."""

    def __init__(self, stream: EventStream, log: EventLog) -> None:
        self._stream, self._log = stream, log
        self._logged: frozenset[str] = frozenset()

    async def among(self, ready: Sequence[ScheduleState]) -> set[ScheduleState]:
        """Return which of these are paused. They keep their state: at resume the misfire policy decides.

        Raises:
            Unavailable: the broker is unavailable, or there is no stream of pauses.
        """
        if not ready:
            return set()
        paused = await self._stream.paused()
        held_back = {state for state in ready if state.schedule.name in paused}
        self._log_once({state.schedule.name for state in held_back}, paused)
        return held_back

    def _log_once(self, names: set[str], paused: frozenset[str]) -> None:
        self._logged &= paused
        for name in sorted(names - self._logged):
            self._log.held_back(name)
        self._logged |= names
