"""Publishes the events of many schedules at once: in groups, a bounded number of them at a time."""

import asyncio
from collections.abc import Sequence

from nightshift.scheduler.cron.clock import Clock
from nightshift.scheduler.state.cron_stream import EventStream, outgoing_event
from nightshift.scheduler.state.schedule_state import ScheduleState

_GROUP = 500
"""Events stored together; a larger group makes its first event wait for its last."""
_GROUPS_IN_FLIGHT = 8

Answer = int | Exception
"""The sequence at which an event is stored, or why it is not."""


async def publish(
    states: Sequence[ScheduleState], stream: EventStream, clock: Clock
) -> list[tuple[ScheduleState, Answer]]:
    """Publish the first planned due time of each schedule; return what became of each."""
    bound = asyncio.Semaphore(_GROUPS_IN_FLIGHT)
    tasks: list[tuple[Sequence[ScheduleState], asyncio.Task[list[Answer]]]] = []
    for group in _groups(states):
        tasks.append((group, asyncio.create_task(_publish_group(group, stream, clock, bound))))
        # Twice, so that this group leaves for the broker before the next one is made.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return [pair for group, task in tasks for pair in zip(group, await task, strict=True)]


def _groups(states: Sequence[ScheduleState]) -> list[Sequence[ScheduleState]]:
    """Split into groups; those that were refused together are published alone, so they are kept apart."""
    together = [state for state in states if not state.alone]
    alone = [state for state in states if state.alone]
    return [kind[start : start + _GROUP] for kind in (together, alone) for start in range(0, len(kind), _GROUP)]


async def _publish_group(
    group: Sequence[ScheduleState], stream: EventStream, clock: Clock, bound: asyncio.Semaphore
) -> list[Answer]:
    async with bound:
        now = clock.now()
        events = [outgoing_event(state.event(now), state.sequence) for state in group]
        return await (stream.announce_singly(events) if group[0].alone else stream.announce(events))
