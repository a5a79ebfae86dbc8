"""The newest turns of all jobs, read back from the end of the stream of events in bounded time."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nightshift.broker import Connection, direct_get
from nightshift.cli.queries.events import Told, between
from nightshift.cli.queries.streams import stream_info
from nightshift.contract.job_events import JobEvent, read_events
from nightshift.topology.event_stream import EVENTS_STREAM

_FIRST_STEP, _FACTOR = 4, 4
"""Messages that are read at once, and how many times as many where these had not enough: one may have 500 turns."""


class Latest(NamedTuple):
    """Turns of jobs, the newest first; not `complete` if there may be more that were not looked at."""

    told: Sequence[Told]
    complete: bool


async def latest(
    connection: Connection, subject: str, wanted: Callable[[JobEvent], bool], *, most: int, seconds: float
) -> Latest:
    """Return the newest turns that are wanted, read for about so many seconds at most; one step is always made.

    Raises:
        Unavailable: the broker is unavailable.
        CommandError: there is no stream of events.
    """
    state = (await stream_info(connection, EVENTS_STREAM))["state"]
    first, end = max(1, int(state["first_seq"])), int(state["last_seq"]) + 1
    found, step, until = list[Told](), _FIRST_STEP, time.monotonic() + seconds
    while end > first and len(found) < most:
        start = max(first, end - step)
        messages = [read_events(one.body) async for one in between(connection, subject, range(start, end))]
        for message in reversed(messages):
            if message is not None:
                found += [Told(at=message.at, event=event) for event in reversed(message.events) if wanted(event)]
        end, step = start, min(step * _FACTOR, direct_get.PAGE)
        if time.monotonic() >= until:
            break
    return Latest(found[:most], complete=end <= first and len(found) <= most)
