"""The relay of what is enqueued by SQL: it sleeps until it is told, and looks by itself from time to time."""

import asyncio
from typing import NoReturn

from nightshift.backoff import Backoff
from nightshift.broker import QueueFullError
from nightshift.database.notifications import Notifications
from nightshift.heartbeat import Heartbeat
from nightshift.instants import utc_now
from nightshift.messaging.enqueued import PAGE, EnqueuedRows
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

_STALLED_SECONDS = 120.0
"""For one page, which takes less than a second where broker and database answer."""
_BUSY_ROWS = 4
"""With so many on one page, more come while it is published: nobody needs to ring for them."""
_BUSY_PAUSE_SECONDS = 0.01
_LINGERS = 10
"""So many empty pages in a row, and the relay goes to sleep."""
_LOOKS = (0.0, 0.2, 1.0)
"""Seconds to the next looks when it has gone to sleep: a commit may have begun before, and nobody was told of it."""
_RETRY_LOOK_SECONDS = 1.0
_log = get_logger("housekeeping")


class EnqueuedRelay:
    """Publishes the rows of one service for as long as its process runs; several replicas share them."""

    def __init__(self, rows: EnqueuedRows, notifications: Notifications) -> None:
        self._rows, self._notifications = rows, notifications
        self._backoff, self._failures = Backoff(base_seconds=1.0, ceiling_seconds=10.0), 0
        self._looks = 0
        """Looks that found nothing, since the last that did."""
        self._retries_due = 0.0

    async def run(self, heartbeat: Heartbeat) -> NoReturn:
        """Publish what is enqueued, again and again until cancelled."""
        try:
            while True:
                try:
                    await self._turn(heartbeat)
                    self._failures = 0
                    continue
                except (Unavailable, QueueFullError) as error:
                    _log.debug("enqueued_waits", f"What was enqueued by SQL waits: {error}")
                except Exception:  # noqa: BLE001 - one bad turn must not end the relay
                    _log.exception("enqueued_failed", "The relay of what is enqueued by SQL failed; it tries again")
                self._failures += 1
                heartbeat.beat()
                await asyncio.sleep(self._backoff.longest(self._failures))
        finally:
            await self._notifications.close()

    async def _turn(self, heartbeat: Heartbeat) -> None:
        """Look, publish what is there, and sleep until the next look."""
        rows = await self._look(heartbeat)
        if rows >= _BUSY_ROWS:
            await self._work_off(heartbeat)
            self._looks = 0
        elif rows:
            self._looks = 1
        pause = _LOOKS[self._looks] if self._looks < len(_LOOKS) else self._notifications.quiet_seconds
        heartbeat.beat()
        if not await self._notifications.wait(min(pause, self._notifications.quiet_seconds)):
            self._looks += 1

    async def _work_off(self, heartbeat: Heartbeat) -> None:
        """Publish page after page without being told, until nothing comes any more."""
        await self._notifications.hush()
        try:
            empty = 0
            while empty < _LINGERS:
                rows = await self._look(heartbeat)
                empty = 0 if rows else empty + 1
                if rows < PAGE:
                    await asyncio.sleep(_BUSY_PAUSE_SECONDS)
        finally:
            await self._notifications.ring_again()

    async def _look(self, heartbeat: Heartbeat) -> int:
        """Publish a page; once a second also what has failed before and is due. Return how many new rows there were."""
        heartbeat.beat(_STALLED_SECONDS)
        turn = await self._rows.publish_new(utc_now())
        now = asyncio.get_running_loop().time()
        if now >= self._retries_due:
            self._retries_due = now + _RETRY_LOOK_SECONDS
            await self._rows.publish_again(utc_now())
        return turn.rows
