"""How a bulk ends: it is recorded and kept, and what becomes of its jobs is followed for a while."""

import asyncio
import contextlib
import time

import msgspec

from nightshift.broker import BrokerRefusedError
from nightshift.console.bulk.store import BulkStore
from nightshift.console.bulk.work import Bulk
from nightshift.contract.audit import Turn
from nightshift.instants import utc_now
from nightshift.messaging.audit import Audit
from nightshift.outcomes import Unavailable

FOLLOWED_SECONDS = 3600.0
"""After the last letter was redriven, what becomes of the jobs is followed for so long."""
_AGAIN_SECONDS = 2.0


class Ending:
    """Records and keeps the ends of bulks."""

    def __init__(self, audit: Audit, store: BulkStore) -> None:
        self._audit, self._store = audit, store

    async def end(self, bulk: Bulk, turn: Turn, why: str = "") -> None:
        """End a bulk, and record that."""
        bulk.state, bulk.why, bulk.ended = "done" if turn == "done" else "stopped", why, utc_now()
        await self._audit.end(bulk.intent, turn, bulk.acted - bulk.acted_before, why)

    async def keep(self, bulk: Bulk) -> None:
        """Keep a bulk as it is.

        Raises:
            OthersError: another process works on it.
            Unavailable: the broker is unavailable.
        """
        with contextlib.suppress(BrokerRefusedError):  # it is known to this process, and to the record of actions
            await self._store.save(bulk)

    async def follow_on(self, bulk: Bulk) -> None:
        """Keep what becomes of the jobs that are still open, as long as they are followed; raises `OthersError`."""
        until, before = time.monotonic() + FOLLOWED_SECONDS, msgspec.structs.astuple(bulk.fates)
        while bulk.fates.open:
            await asyncio.sleep(_AGAIN_SECONDS)
            if time.monotonic() > until:
                bulk.fates.forget_open()
            if (now := msgspec.structs.astuple(bulk.fates)) != before:
                before = now
                with contextlib.suppress(Unavailable):
                    await self.keep(bulk)
