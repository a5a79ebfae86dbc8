"""Lets the scheduler that was first lately be first again, so that replicas do not race for every event.

It only saves work: who is first is decided by the broker alone, and whoever finds the other silent announces at once.
"""

import asyncio
from collections.abc import Sequence

from nightshift.scheduler.state.cron_stream import EventStream, LastEvent
from nightshift.scheduler.state.schedule_state import Progress

_HEAD_START_SECONDS = 0.1
"""What an event is late when the other scheduler has just died."""
_EVENTS_PER_HEAD_START = 2_000
"""What a scheduler announces in that time on a slow machine."""


class Standby:
    """Knows whether another scheduler was first lately, and waits for it."""

    def __init__(self, stream: EventStream, head_start_seconds: float = _HEAD_START_SECONDS) -> None:
        self._stream = stream
        self._head_start_seconds = head_start_seconds
        self.behind = False

    def note(self, *, stored: int, outrun: int) -> None:
        """Takes in how many events this scheduler announced, and in how many cases another was first."""
        if stored or outrun:
            self.behind = outrun > stored

    async def wait(self, entries: Sequence[Progress]) -> None:
        """Gives the other one its head start, and goes on waiting while it is at work on these, in this order.

        Raises:
            Unavailable: the broker or the stream is away.
        """
        first, last = entries[0], entries[-1]
        for _ in range(1 + len(entries) // _EVENTS_PER_HEAD_START):
            await asyncio.sleep(self._head_start_seconds)
            memories = await self._stream.memories([first.schedule.name, last.schedule.name])
            if not _moved(first, memories) or _moved(last, memories):
                return


def _moved(entry: Progress, memories: dict[str, LastEvent]) -> bool:
    memory = memories.get(entry.schedule.name)
    return memory is not None and memory.sequence != entry.sequence
