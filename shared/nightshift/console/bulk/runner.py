"""All bulks: those that people begin here, and those that another process of the console has begun."""

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.cli.actions.redrive import Redrive
from nightshift.console.bulk.ending import Ending
from nightshift.console.bulk.progress import Progress
from nightshift.console.bulk.store import BulkStore, OthersError
from nightshift.console.bulk.tools import CANARY_SECONDS, StoppedError, Tools
from nightshift.console.bulk.work import Bulk
from nightshift.console.figures.changes import Changes
from nightshift.console.letters.follower import LetterFollower
from nightshift.console.letters.index import LetterIndex
from nightshift.contract.audit import AuditEntry
from nightshift.contract.job_events import JobEvent
from nightshift.heartbeat import Heartbeat
from nightshift.instants import utc_now
from nightshift.messaging.audit import Audit
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStore
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

QUIET_SECONDS = 20.0
"""When another process has written nothing for so long, it does not work on a bulk any more."""
_AGAIN_SECONDS, _TELL_SECONDS = 2.0, 1.0
_log = get_logger("console")


class BulkRunner:
    """Keeps all bulks; each that is active has a task."""

    def __init__(
        self,
        connection: Connection,
        index: LetterIndex,
        follower: LetterFollower,
        audit: Audit,
        objects: ObjectStore | None,
        *,
        changes: Changes,
        canary_seconds: float = CANARY_SECONDS,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._audit, self._store, self._quiet_seconds = audit, BulkStore(connection), quiet_seconds
        self._ending, self._changes = Ending(audit, self._store), changes
        redrive = Redrive(connection, Publisher(connection), objects)
        self._tools = Tools(connection, redrive, index, follower, self._store.save, canary_seconds)
        self._bulks: dict[str, Bulk] = {}
        self._active: dict[str, Progress] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._elsewhere: dict[str, float] = {}  # when another process has written those on which it works
        self._changing, self._loaded = set[str](), asyncio.Event()

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
        """Begin a bulk; one to which somebody has to agree is only kept. Raises what `go_on` does."""
        await self._store.save(bulk)
        self._bulks[bulk.id] = bulk
        if bulk.is_active:
            self._start(bulk)

    async def stop(self, bulk: Bulk, why: str, *, seconds: float = 5.0) -> bool:
        """Stop a bulk before its next letter, and wait until that is kept; return whether it has ended."""
        if bulk.state == "asked":
            if await self._replace(bulk, msgspec.structs.replace(bulk, state="stopped", why=why, ended=utc_now())):
                await self._audit.end(bulk.intent, "stopped", 0, why)
            return True
        if bulk.is_active and (progress := self._active.get(bulk.id)):
            progress.stop = why
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(progress.ended.wait(), seconds)
        return not bulk.is_active

    async def agree(self, bulk: Bulk) -> bool:
        """Begin one for which it was asked; return whether that was still to be done. Raises what `go_on` does."""
        return bulk.state == "asked" and await self._replace(bulk, msgspec.structs.replace(bulk, state="running"))

    async def go_on(self, bulk: Bulk, intent: AuditEntry) -> bool:
        """Go on with a redrive that was stopped, with a new canary; return whether it still was.

        Raises:
            Unavailable, BrokerRefusedError: it cannot be kept, and is not begun.
            OthersError: another process works on it.
        """
        if bulk.state != "stopped":
            return False
        return await self._replace(bulk, bulk.again(intent))

    async def _replace(self, bulk: Bulk, by: Bulk) -> bool:
        """Keep a bulk in another state, and work on it if that is active; return False if somebody else just does."""
        if bulk.id in self._changing or self._bulks[bulk.id].state != bulk.state:
            return False
        self._changing.add(bulk.id)
        try:
            await self._leave(bulk.id)
            await self._store.save(by)
            self._bulks[bulk.id] = by
            if by.is_active:
                self._start(by)
        finally:
            self._changing.discard(bulk.id)
        return True

    def hear(self, _at: datetime, event: JobEvent) -> None:
        """Take in what a worker tells of any job."""
        for progress in self._active.values():
            progress.hear(event)

    async def run(self, heartbeat: Heartbeat) -> None:
        """Go on with what the broker keeps, tell what has changed, and beat, until cancelled."""
        try:
            while True:
                heartbeat.beat(60)
                await self._look_around()
                self._changes.tell_if_new("bulks", msgspec.msgpack.encode(self.bulks))
                await asyncio.sleep(_TELL_SECONDS if self._loaded.is_set() else 0.2)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _look_around(self) -> None:
        """Take in what was written elsewhere; go on with what nobody works on."""
        known, now = self._loaded.is_set(), time.monotonic()
        try:
            async for bulk, sequence in self._store.news():
                if bulk.id not in self._active:
                    self._store.adopt(bulk, sequence)
                    self._bulks[bulk.id] = bulk
                    self._elsewhere[bulk.id] = now if known else -math.inf  # at a start, nobody
        except (Unavailable, BrokerRefusedError):
            return
        self._loaded.set()
        for bulk in list(self._bulks.values()):
            quiet = now - self._elsewhere.get(bulk.id, now)
            if bulk.is_active and bulk.id not in self._active and quiet > self._quiet_seconds:
                bulk.fates.forget_open()
                _log.info("bulk_resumed", f"{bulk.kind} {bulk.id} goes on after {bulk.acted} letters", bulk=bulk.id)
                self._start(bulk)

    async def _leave(self, bulk_id: str) -> None:
        """End the task of a bulk, which may just be keeping it."""
        if (task := self._tasks.pop(bulk_id, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _start(self, bulk: Bulk) -> None:
        self._bulks[bulk.id] = bulk
        progress = self._active[bulk.id] = Progress(bulk, self._tools)
        self._tasks[bulk.id] = asyncio.create_task(self._work(progress), name=f"{bulk.kind} {bulk.id}")

    async def _work(self, progress: Progress) -> None:
        """Work on one until it is done or stopped; while the broker is away, wait."""
        bulk = progress.bulk
        try:
            while not progress.ended.is_set():
                try:
                    await self._attempt(progress)
                except Unavailable:
                    await asyncio.sleep(_AGAIN_SECONDS)
            if bulk.kind == "redrive":
                await self._ending.follow_on(bulk)
        except OthersError:
            _log.warning("bulk_elsewhere", f"{bulk.id} is worked on by another console", bulk=bulk.id)
            self._elsewhere[bulk.id] = time.monotonic()
            self._store.read_again()  # what the other wrote was passed over
        finally:
            if self._active.get(bulk.id) is progress:
                del self._active[bulk.id]

    async def _attempt(self, progress: Progress) -> None:
        bulk = progress.bulk
        if bulk.is_active:  # else the broker was away when its end was to be kept
            await self._try(progress)
        await self._ending.keep(bulk)
        progress.ended.set()

    async def _try(self, progress: Progress) -> None:
        bulk = progress.bulk
        try:
            await progress.work()
        except (Unavailable, OthersError):
            raise
        except StoppedError as stopped:
            await self._ending.end(bulk, "stopped", str(stopped))
        except BrokerRefusedError as refused:
            await self._ending.end(bulk, "failed", str(refused))
        except Exception as error:  # noqa: BLE001 - it is told, and stops this one only
            _log.exception("bulk_failed", f"{bulk.kind} {bulk.id} was stopped by a fault", bulk=bulk.id)
            await self._ending.end(bulk, "failed", f"a fault of the console: {type(error).__name__}")
        else:
            await self._ending.end(bulk, "done")
