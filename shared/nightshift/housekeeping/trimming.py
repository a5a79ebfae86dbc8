"""Removes the jobs that are done from a bulk queue, many at once. Every replica does so: it needs no turn.

Where a job that takes long holds the floor, those above it that this worker acknowledged itself are deleted one by one.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from typing import NoReturn

from nightshift.broker import BrokerRefusedError, Connection, NotPermittedError, direct_get
from nightshift.broker.jetstream import manage
from nightshift.heartbeat import Heartbeat
from nightshift.observability.log import get_logger
from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.topology import bulk_queue
from nightshift.topology.bulk_queue import FloorNotTrustedError, QueueState
from nightshift.topology.consumer import Consumer
from nightshift.worker.in_flight import job_of

TRIM_SECONDS, IDLE_SECONDS = 0.5, 5.0
"""Between two looks while there is something to remove, and otherwise."""
LOOK_SECONDS = 20.0
"""A worker that acknowledged nothing looks so often: another may have died before it could."""
REMEMBERED = 200_000
"""Acknowledged sequences above the floor that are remembered, at most."""
_AT_ONCE, _DELETED_PER_LOOK = 64, 5_000
"""A second's work of an idle disk, five or ten of a busy one: the pause between two looks hardly slows it."""
_LAST_SECONDS = 2.0
_TELL_AGAIN_SECONDS = 60.0
_STALLED_SECONDS = 120.0
_NO_SUCH_MESSAGE = frozenset({10037, 10043, 10057})
_log = get_logger("housekeeping")


class Trimmer:
    """Trims the queue of one service.

    `acknowledged` takes the sequence of each job that this worker has acknowledged.
    """

    def __init__(self, consumer: Consumer, connection: Connection, metrics: Metrics) -> None:
        self._consumer, self._connection, self._metrics = consumer, connection, metrics
        self._acked: list[int] = []
        self.acknowledged = self._acked.append
        self._looked_at = -LOOK_SECONDS
        self._held_since: float | None = None
        self._told_at = -_TELL_AGAIN_SECONDS
        self._made = ""
        self._held_floor = 0

    @property
    def remembered(self) -> int:
        """Jobs that this worker has acknowledged and that may not be removed yet."""
        return len(self._acked)

    async def run(self, heartbeat: Heartbeat) -> NoReturn:
        """Trim again and again until cancelled."""
        pause_seconds = 0.0
        while True:
            heartbeat.beat(_STALLED_SECONDS)
            await asyncio.sleep(pause_seconds * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause_seconds = max(pause_seconds, TRIM_SECONDS)
            if self._acked or time.monotonic() - self._looked_at > LOOK_SECONDS:
                pause_seconds = TRIM_SECONDS if await self._turn() else min(2 * pause_seconds, IDLE_SECONDS)

    async def finish(self) -> None:
        """Trim once more at the end of the worker; what cannot be removed now, another worker removes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                if await self._connection.answers(_LAST_SECONDS):  # the acknowledgements have arrived, too
                    await self._turn()

    async def _turn(self) -> bool:
        """Look and remove; return whether there was anything. Never raises but a cancellation."""
        self._looked_at = time.monotonic()
        try:
            return await self.trim()
        except FloorNotTrustedError as fault:
            self._tell(f"nothing is removed from it: {fault}; run `nightshift provision`")
        except NotPermittedError as refused:
            self._tell(f"this worker may not remove what is done: {refused.description} ({refused.subject})")
        except (Unavailable, BrokerRefusedError) as error:
            _log.debug("trim_waits", f"{self._consumer.stream}: trimming waits: {error}")
        except Exception:  # noqa: BLE001 - one bad turn must not end the trimming
            _log.exception("trim_failed", f"{self._consumer.stream}: trimming failed; it is tried again")
        return False

    async def trim(self) -> bool:
        """Remove all that is done up to the floor, and above a held floor what this worker has done itself.

        Raises:
            FloorNotTrustedError: the floor may be wrong; nothing was removed.
            Unavailable, BrokerRefusedError: the broker is unavailable, or refuses; call again.
        """
        removed = False
        while (state := await self._look()) is not None and await self._purge(state):
            removed = True
        if state is None:
            self._acked.clear()
        elif await self._relieve(state):
            removed = True
        return removed

    async def _look(self) -> QueueState | None:
        """Return the state of the queue, and forget what is below its floor."""
        known = len(self._acked)
        state = await bulk_queue.look(self._connection, self._consumer)
        if state is None:
            return None
        if state.made != self._made:  # another consumer: the remembered sequences may be those of other jobs
            self._acked.clear()
            known, self._made = 0, state.made
        above = [sequence for sequence in self._acked[:known] if sequence > state.floor]
        self._acked[:known] = above[-REMEMBERED:]
        return state

    async def _purge(self, state: QueueState) -> bool:
        return await bulk_queue.remove_done(self._connection, state)

    async def _relieve(self, state: QueueState) -> bool:
        """Delete jobs above a held floor that this worker acknowledged: no other's, so none that is not done."""
        if not await self._watch(state):
            return False
        mine, self._acked[:_DELETED_PER_LOOK] = self._acked[:_DELETED_PER_LOOK], []
        for start in range(0, len(mine), _AT_ONCE):
            try:
                await self._delete(mine[start : start + _AT_ONCE])
            except BaseException:
                self._acked[:0] = mine[start:]
                raise
        return bool(mine)

    async def _delete(self, sequences: Sequence[int]) -> None:
        await asyncio.gather(*(self._delete_one(sequence) for sequence in sequences))

    async def _delete_one(self, sequence: int) -> None:
        try:
            await manage(
                self._connection, f"STREAM.MSG.DELETE.{self._consumer.stream}", {"seq": sequence, "no_erase": True}
            )
        except BrokerRefusedError as refused:
            if refused.code not in _NO_SUCH_MESSAGE:
                raise

    async def _watch(self, state: QueueState) -> bool:
        """Say since when, and by which job, the floor is held; return whether it is."""
        stream, now = state.stream, time.monotonic()
        if self._held_since is not None and state.floor > self._held_floor:
            _log.info("queue_released", f"{stream}: the job that held its floor has ended", stream=stream)
            self._held_since = None
        if self._held_since is None and state.is_held:
            self._held_since, self._held_floor, self._told_at = now, state.floor, -_TELL_AGAIN_SECONDS
        self._metrics.queue_held(stream, now - self._held_since if self._held_since is not None else 0.0)
        if self._held_since is None or not state.is_held:
            return False
        holder = await holder_of(self._connection, self._consumer, state)
        text = f"{state.done} jobs that are done cannot be removed in bulk for {now - self._held_since:.0f} s"
        self._tell(f"{text}: {holder} is not done; they are deleted one by one")
        return True

    def _tell(self, text: str) -> None:
        now = time.monotonic()
        if now - self._told_at > _TELL_AGAIN_SECONDS:
            self._told_at = now
            _log.warning("queue_held", f"{self._consumer.stream}: {text}", stream=self._consumer.stream)


async def holder_of(connection: Connection, consumer: Consumer, state: QueueState) -> str:
    """Return which job holds the floor, in words.

    Raises:
        Unavailable: the broker is unavailable.
    """
    page = await direct_get.page(connection, consumer.stream, consumer.filter, state.floor + 1, batch=1)
    if not page:
        return "a job that is gone"
    job = job_of(consumer.name, page[0])
    return f"{job.type} {job.id} (message {page[0].sequence})"
