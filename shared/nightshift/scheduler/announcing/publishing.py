"""Publishes the events of many schedules at once: in groups, a bounded number of them at a time."""

import asyncio
from collections.abc import Sequence

from nightshift.scheduler.cron.clock import Timekeeper
from nightshift.scheduler.state.cron_stream import EventStream, outgoing_event
from nightshift.scheduler.state.schedule_state import Progress

_GROUP = 500
"""Events stored together; a larger group makes its first event wait for its last."""
_GROUPS_IN_FLIGHT = 8

Answer = int | Exception
"""The sequence at which an event is stored, or why it is not."""


async def publish(entries: Sequence[Progress], stream: EventStream, time: Timekeeper) -> list[tuple[Progress, Answer]]:
    """Publish the first waiting due time of each schedule; return what became of each."""
    bound = asyncio.Semaphore(_GROUPS_IN_FLIGHT)
    tasks: list[tuple[Sequence[Progress], asyncio.Task[list[Answer]]]] = []
    for group in _groups(entries):
        tasks.append((group, asyncio.create_task(_publish_group(group, stream, time, bound))))
        # Twice, so that this group leaves for the broker before the next one is made.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return [pair for group, task in tasks for pair in zip(group, await task, strict=True)]


def _groups(entries: Sequence[Progress]) -> list[Sequence[Progress]]:
    """Those that were refused together are published alone, so they are kept apart."""
    together = [entry for entry in entries if not entry.alone]
    alone = [entry for entry in entries if entry.alone]
    return [kind[start : start + _GROUP] for kind in (together, alone) for start in range(0, len(kind), _GROUP)]


async def _publish_group(
    group: Sequence[Progress], stream: EventStream, time: Timekeeper, bound: asyncio.Semaphore
) -> list[Answer]:
    async with bound:
        now = time.now()
        events = [outgoing_event(entry.event(now), entry.sequence) for entry in group]
        return await (stream.announce_singly(events) if group[0].alone else stream.announce(events))
