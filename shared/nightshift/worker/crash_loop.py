"""Marks the last permitted delivery of a job as started; a mark that is still there means that the worker died.

The broker counts a delivery that was released like one whose worker has died, and only the worker that released it
knows better; so the count alone, as another replica sees it, proves nothing.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from nightshift.broker.delivery import Delivery
from nightshift.database import Database
from nightshift.database.tables import crash_marks
from nightshift.instants import utc_now

_MARK = {
    "sqlite": sqlite.insert(crash_marks).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(crash_marks).on_conflict_do_nothing(),
}
_CLEAR = delete(crash_marks).where(
    crash_marks.c.service == bindparam("of_service"), crash_marks.c.origin == bindparam("of_origin")
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
        row = {"service": self._service, "origin": delivery.origin(), "marked_at": self._now()}

        def mark(connection: Connection) -> bool:
            return connection.execute(_MARK[connection.dialect.name], row).rowcount == 1

        return await self._database.commit(mark)

    async def clear(self, delivery: Delivery) -> None:
        """Remove the mark: the job has ended in good order, although it comes again.

        Raises:
            Unavailable: the database is unavailable.
        """
        values = {"of_service": self._service, "of_origin": delivery.origin()}

        def clear(connection: Connection) -> None:
            connection.execute(_CLEAR, values)

        await self._database.commit(clear)
