"""An announcer that hangs is found."""

import asyncio
from collections.abc import Sequence
from typing import Any

from nightshift.heartbeat import Heartbeat
from nightshift.scheduler.announcing.announcer import Announcer
from nightshift.scheduler.cron.cron_expression import parse
from nightshift.scheduler.cron.schedule import UTC_ZONE, Schedule
from nightshift.scheduler.state.cron_stream import LastEvent
from tests.harness import cancelled


class HangingStream:
    """A broker that answers at the start, and then never again."""

    is_up = True

    def __init__(self) -> None:
        self.hanging = asyncio.Event()

    async def latest_events(self, _names: Sequence[str]) -> dict[str, LastEvent]:
        """As `EventStream.latest_events`: there is none yet."""
        return {}

    async def paused(self) -> frozenset[str]:
        """As `EventStream.paused`, which is asked first when something is due."""
        self.hanging.set()
        await asyncio.Event().wait()
        return frozenset()


async def test_an_announcement_that_never_ends_breaks_a_promise() -> None:
    """While nothing is due, an announcer promises nothing."""
    now, stream = 0.0, HangingStream()
    heartbeat = Heartbeat(lambda: now)
    wanted: Any = stream
    announcer = Announcer([Schedule("sync.often", parse("* * * * * *"), "skip", UTC_ZONE)], wanted)
    announcing = asyncio.create_task(announcer.run(asyncio.Event(), heartbeat))
    await announcer.loaded.wait()
    now += 86_400
    assert heartbeat.silence() is None
    await stream.hanging.wait()
    now += 3_600
    assert heartbeat.silence() == 3_600
    await cancelled(announcing)
