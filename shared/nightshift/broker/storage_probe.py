"""Finds out whether the broker stores, by storing: while its disk is full it answers every question as ever."""

import asyncio

from nightshift.broker.connection import Connection
from nightshift.broker.errors import BrokerRefusedError, NotStoredError, QueueFullError
from nightshift.broker.jetstream import manage, store
from nightshift.contract import wire
from nightshift.outcomes import Unavailable

PROBE = "nightshift-probe"
"""What stands in the place of a job type's action; no service has jobs of this type."""
_NEVER = "@at 2200-01-01T00:00:00Z"
"""The broker counts nanoseconds until 2262; what is later would be due at once."""
_TIMEOUT_SECONDS = 2.0
_INTERVAL_SECONDS = 60.0


async def try_to_store(connection: Connection, service: str, who: str) -> None:
    """Store what comes due in a lifetime among what waits for a service, and take it back.

    What a probe that was cut off left there is replaced by the next one of the same `who`.

    Raises:
        QueueFullError: the broker has no room.
        NotStoredError: it answers, but not that it has stored this.
        Unavailable: it does not answer.
    """
    probe = f"{service}.{PROBE}"
    order = {"Nats-Schedule": _NEVER, "Nats-Schedule-Target": wire.due_subject(probe)}
    try:
        stored = await store(connection, wire.later_subject(probe, who), order, b"", timeout_seconds=_TIMEOUT_SECONDS)
        await manage(connection, f"STREAM.MSG.DELETE.{stored.stream}", {"seq": stored.seq, "no_erase": True})
    except QueueFullError:
        raise
    except BrokerRefusedError:  # a missing right or stream, or another replica's probe was in between
        return


class StorageProbe:
    """A readiness check: a worker that has nothing to store says so, too, when the broker stores nothing.

    It writes at once, then once a minute, and at each check while nothing is stored.
    """

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection, self._service = connection, service
        self._next = 0.0

    async def check(self) -> None:
        """Check that the broker stores; whether it is there at all is for other checks to say.

        Raises:
            QueueFullError: the broker has no room.
            NotStoredError: this probe, or a publish of this process, was left without an answer.
        """
        if asyncio.get_running_loop().time() >= self._next:
            await self._probe()
        await self._connection.storing()

    async def _probe(self) -> None:
        try:
            await try_to_store(self._connection, self._service, "worker")
        except NotStoredError:
            raise
        except Unavailable:
            return
        self._next = asyncio.get_running_loop().time() + _INTERVAL_SECONDS
