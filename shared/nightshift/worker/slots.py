"""How the free slots of a worker are shared among the streams it pulls from."""

from collections.abc import Sequence


def allocate_slots(free: int, busy: Sequence[bool]) -> list[int]:
    """How many jobs to ask each stream for, given the free slots and which streams are known to have more.

    A stream that seems empty keeps a small request open (a quarter of the room, for two), or its next job would
    wait for a slot that another's request holds; the rest goes to those with a backlog. Every stream may ask for
    one, so a worker with fewer slots than streams can be handed as many jobs too many as it has streams.
    """
    if free < 1 or not busy:
        return [0] * len(busy)
    if not any(busy):
        return [max(1, free // len(busy))] * len(busy)
    idle = max(1, free // (2 * len(busy)))
    rest = free - idle * (len(busy) - sum(busy))
    return [max(1, rest // sum(busy)) if is_busy else idle for is_busy in busy]
