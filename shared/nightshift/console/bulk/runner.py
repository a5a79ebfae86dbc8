"""All bulks: those that people begin here, and those that another process of the console has begun."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.cli.actions.redrive import Redrive
from nightshift.console.bulk.progress import CANARY_SECONDS, Progress, StoppedError, Tools
from nightshift.console.bulk.store import BulkStore, OthersError
from nightshift.console.bulk.work import Bulk
from nightshift.console.letters.follower import LetterFollower
from nightshift.console.letters.index import LetterIndex
from nightshift.contract.audit import Turn
from nightshift.contract.job_events import JobEvent
from nightshift.heartbeat import Heartbeat
from nightshift.instants import utc_now
from nightshift.messaging.audit import Audit
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

FOLLOWED_SECONDS = 3600.0
"""After the last letter was redriven, what becomes of the jobs is followed for so long."""
_AGAIN_SECONDS = 2.0
_log = get_logger("console")


class BulkRunner:
    """Keeps all bulks; each that is active has a task."""

    def __init__(
        self,
        connection: Connection,
        index: LetterIndex,
        follower: LetterFollower,
        audit: Audit,
        *,
        canary_seconds: float = CANARY_SECONDS,
    ) -> None:
        self._audit, self._store = audit, BulkStore(connection)
        redrive = Redrive(connection, Publisher(connection), None)
        self._tools = Tools(connection, redrive, index, follower, self._store.save, canary_seconds)
        self._bulks: dict[str, Bulk] = {}
        self._active: dict[str, Progress] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loaded = asyncio.Event()

    @property
    def bulks(self) -> Sequence[Bulk]:
        """All that are known, the newest first."""
        return sorted(self._bulks.values(), key=lambda bulk: bulk.begun, reverse=True)

    def find(self, name: str) -> Bulk | None:
        """Return a bulk by its id."""
        return self._bulks.get(name)

    async def loaded(self, seconds: float) -> bool:
        """Wait until those that the broker keeps are known; return whether they are."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._loaded.wait(), seconds)
        return self._loaded.is_set()

    async def begin(self, bulk: Bulk) -> None:
        """Begin a bulk.

        Raises:
            Unavailable, BrokerRefusedError: it cannot be kept, and is not begun.
            OthersError: there is one of this id already.
        """
        await self._store.save(bulk)
        self._start(bulk)

    def stop(self, bulk: Bulk, why: str) -> None:
        """Stop a bulk before its next letter."""
        if bulk.is_active and (progress := self._active.get(bulk.id)):
            progress.stop = why

    async def go_on(self, bulk: Bulk) -> None:
        """Go on with a redrive that was stopped, with a new canary.

        Raises:
            Unavailable, BrokerRefusedError: it cannot be kept, and is not begun.
            OthersError: another process works on it.
        """
        fates = bulk.fates
        fates = msgspec.structs.replace(fates, unknown=fates.unknown + fates.open, open=0, failing=0)
        again = msgspec.structs.replace(bulk, state="canary", why="", ended=None, canary_jobs=[], fates=fates)
        await self._store.save(again)
        self._start(again)

    def hear(self, _at: datetime, event: JobEvent) -> None:
        """Take in what a worker tells of any job."""
        for progress in self._active.values():
            progress.hear(event)

    async def run(self, heartbeat: Heartbeat) -> None:
        """Go on with what the broker keeps, and beat, until cancelled."""
        try:
            while True:
                heartbeat.beat(60)
                if not self._loaded.is_set():
                    await self._load()
                await asyncio.sleep(_AGAIN_SECONDS if self._loaded.is_set() else 0.2)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _load(self) -> None:
        try:
            found = await self._store.load()
        except (Unavailable, BrokerRefusedError):
            return
        for bulk in found:
            bulk.fates.unknown, bulk.fates.open, bulk.fates.failing = bulk.fates.unknown + bulk.fates.open, 0, 0
            self._bulks[bulk.id] = bulk
            if bulk.is_active:
                _log.info("bulk_resumed", f"{bulk.kind} {bulk.id} goes on after {bulk.acted} letters", bulk=bulk.id)
                self._start(bulk)
        self._loaded.set()

    def _start(self, bulk: Bulk) -> None:
        if (before := self._tasks.get(bulk.id)) is not None:
            before.cancel()
        self._bulks[bulk.id] = bulk
        progress = self._active[bulk.id] = Progress(bulk, self._tools)
        self._tasks[bulk.id] = asyncio.create_task(self._work(progress), name=f"{bulk.kind} {bulk.id}")

    async def _work(self, progress: Progress) -> None:
        """Work on one until it is done or stopped; while the broker is away, wait."""
        bulk = progress.bulk
        while True:
            try:
                await self._attempt(progress)
                break
            except Unavailable:
                await asyncio.sleep(_AGAIN_SECONDS)
            except OthersError:
                _log.warning("bulk_elsewhere", f"{bulk.id} is worked on by another console", bulk=bulk.id)
                return
        if bulk.kind == "redrive":
            await self._follow_on(bulk)
        self._active.pop(bulk.id, None)

    async def _attempt(self, progress: Progress) -> None:
        bulk = progress.bulk
        if not bulk.is_active:  # the broker was away when its end was to be kept
            await self._keep(bulk)
            return
        try:
            await progress.work()
        except (Unavailable, OthersError):
            raise
        except StoppedError as stopped:
            await self._end(bulk, "stopped", str(stopped))
        except BrokerRefusedError as refused:
            await self._end(bulk, "failed", str(refused))
        except Exception as error:  # noqa: BLE001 - it is told, and stops this one only
            _log.exception("bulk_failed", f"{bulk.kind} {bulk.id} was stopped by a fault", bulk=bulk.id)
            await self._end(bulk, "failed", f"a fault of the console: {type(error).__name__}")
        else:
            await self._end(bulk, "done")

    async def _end(self, bulk: Bulk, turn: Turn, why: str = "") -> None:
        bulk.state, bulk.why, bulk.ended = "done" if turn == "done" else "stopped", why, utc_now()
        await self._audit.end(bulk.intent, turn, bulk.acted, why)
        await self._keep(bulk)

    async def _keep(self, bulk: Bulk) -> None:
        with contextlib.suppress(BrokerRefusedError):  # it is known to this process, and to the record of actions
            await self._store.save(bulk)

    async def _follow_on(self, bulk: Bulk) -> None:
        """Keep what becomes of the jobs that are still open."""
        until, before = time.monotonic() + FOLLOWED_SECONDS, msgspec.structs.astuple(bulk.fates)
        while bulk.fates.open and time.monotonic() < until:
            await asyncio.sleep(_AGAIN_SECONDS)
            if (now := msgspec.structs.astuple(bulk.fates)) != before:
                before = now
                with contextlib.suppress(Unavailable, OthersError):
                    await self._keep(bulk)
