"""Remembers which deliveries were begun as the last that a job is granted: what kills its worker is proven by that.

The broker counts a delivery that was handed back like one whose worker has died, and only the worker that handed it
back knows better; so the count alone, in the eyes of another replica, proves nothing.
"""

from datetime import UTC, datetime

from sqlalchemy import bindparam, delete
from sqlalchemy.engine import Connection

from nightshift.broker.delivery import Delivery
from nightshift.database import Database
from nightshift.database.tables import processed_messages
from nightshift.messaging import inbox
from nightshift.messaging.job import Job

MARK = "last-life"
"""The type of such rows in the inbox; they go with its other old rows."""
_ENDED = delete(processed_messages).where(
    processed_messages.c.consumer == bindparam("service"),
    processed_messages.c.type == MARK,
    processed_messages.c.id == bindparam("origin"),
)


class CrashLoopGuard:
    """The last lives of one service's jobs, known to all its replicas."""

    def __init__(self, service: str, database: Database) -> None:
        self._service, self._database = service, database

    async def begin(self, delivery: Delivery) -> bool:
        """Notes that the job is begun, alone; False when it was begun so before and nobody lived to report its end.

        Raises:
            Unavailable: the database is away.
        """
        origin = delivery.origin()
        mark = Job(self._service, MARK, origin, origin)
        return await self._database.commit(lambda connection: inbox.enter(connection, [mark], datetime.now(UTC)))

    async def ended(self, delivery: Delivery) -> None:
        """Notes that the job has ended in good order, although it comes again.

        Raises:
            Unavailable: the database is away.
        """
        values = {"service": self._service, "origin": delivery.origin()}

        def forget(connection: Connection) -> None:
            connection.execute(_ENDED, values)

        await self._database.commit(forget)
