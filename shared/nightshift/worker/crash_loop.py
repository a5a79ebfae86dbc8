"""Marks the last permitted delivery of a job as started; a mark that is still there means that its worker died.

The broker counts a delivery that was nak'ed like one whose worker has died, and only the worker that nak'ed it knows
better; so the count alone, as another replica sees it, proves nothing.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, delete
from sqlalchemy.engine import Connection

from nightshift.broker.delivery import Delivery
from nightshift.database import Database
from nightshift.database.tables import processed_messages
from nightshift.messaging import inbox
from nightshift.messaging.job import Job
from nightshift.worker.policies import utc_now

MARK = "last-life"
"""Row type of the marks, which are in the inbox; deleted with its other old rows."""
_CLEAR = delete(processed_messages).where(
    processed_messages.c.consumer == bindparam("service"),
    processed_messages.c.type == MARK,
    processed_messages.c.id == bindparam("origin"),
)


class CrashLoopGuard:
    """The crash marks of one service's jobs, shared by all its replicas."""

    def __init__(self, service: str, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._service, self._database, self._now = service, database, now

    async def mark_started(self, delivery: Delivery) -> bool:
        """Mark the job as started; return False when it was marked before and no worker lived to clear that.

        Raises:
            Unavailable: the database is unavailable.
        """
        origin = delivery.origin()
        mark = Job(self._service, MARK, origin, origin)
        return await self._database.commit(lambda connection: inbox.enter(connection, [mark], self._now()))

    async def clear(self, delivery: Delivery) -> None:
        """Remove the mark: the job has ended in good order, although it comes again.

        Raises:
            Unavailable: the database is unavailable.
        """
        values = {"service": self._service, "origin": delivery.origin()}

        def forget(connection: Connection) -> None:
            connection.execute(_CLEAR, values)

        await self._database.commit(forget)
