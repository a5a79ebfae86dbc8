"""Lets the scheduler that was first lately be first again, so that replicas do not race for every event.

It only saves work: who is first is decided by the broker alone, and whoever finds the other silent announces at once.
"""

import asyncio
from collections.abc import Sequence

from nightshift.scheduler.state.cron_stream import EventStream, LastEvent
from nightshift.scheduler.state.schedule_state import ScheduleState

_HEAD_START_SECONDS = 0.1
"""What an event is late when the other scheduler has just died."""
_EVENTS_PER_HEAD_START = 2_000
"""What a scheduler announces in that time on a slow machine."""


class Follower:
    """Knows whether another scheduler was first lately, and waits for it."""

    def __init__(self, stream: EventStream, head_start_seconds: float = _HEAD_START_SECONDS) -> None:
        self._stream = stream
        self._head_start_seconds = head_start_seconds
        self.behind = False

    def note(self, *, stored: int, overtaken: int) -> None:
        """Take in how many events this scheduler announced, and in how many cases another was first."""
        if stored or overtaken:
            self.behind = overtaken > stored

    async def wait(self, states: Sequence[ScheduleState]) -> None:
        """Give the other one its head start, and go on waiting while it is at work on these, in this order.

        Raises:
            Unavailable: the broker or the stream is unavailable.
        """
        first, last = states[0], states[-1]
        for _ in range(1 + len(states) // _EVENTS_PER_HEAD_START):
            await asyncio.sleep(self._head_start_seconds)
            latest = await self._stream.latest_events([first.schedule.name, last.schedule.name])
            if not _moved(first, latest) or _moved(last, latest):
                return


def _moved(state: ScheduleState, latest: dict[str, LastEvent]) -> bool:
    event = latest.get(state.schedule.name)
    return event is not None and event.sequence != state.sequence
