"""What replicas tell each other about a message that is delivered again and again: naks, and its last permitted start.

The broker counts a nak'ed delivery like one whose worker has died, and only the worker that nak'ed it knows better. So
naks are recorded, or another replica would isolate the job; and the last permitted delivery is marked as started, so
that only a mark that nobody has cleared proves that the job kills its workers.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, false, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import Insert

from nightshift.batcher import Batcher
from nightshift.broker.delivery import Delivery
from nightshift.database import Database
from nightshift.database.tables import crash_marks
from nightshift.instants import utc_now

_MAX_GROUP = 500
_KEY = ["service", "origin"]
_NAKS_OF = select(crash_marks.c.naks).where(
    crash_marks.c.service == bindparam("service"), crash_marks.c.origin == bindparam("origin")
)


def _mark(insert: sqlite.Insert | postgresql.Insert) -> Insert:
    """Mark a message as started, unless it is; keep what is known of its naks."""
    new = {"started": insert.excluded.started, "marked_at": insert.excluded.marked_at}
    return insert.on_conflict_do_update(index_elements=_KEY, set_=new, where=crash_marks.c.started == false())


def _add(insert: sqlite.Insert | postgresql.Insert) -> Insert:
    """Add to a message's naks; it is no longer started."""
    new = {
        "naks": crash_marks.c.naks + insert.excluded.naks,
        "started": insert.excluded.started,
        "marked_at": insert.excluded.marked_at,
    }
    return insert.on_conflict_do_update(index_elements=_KEY, set_=new)


_MARK = {"sqlite": _mark(sqlite.insert(crash_marks)), "postgresql": _mark(postgresql.insert(crash_marks))}
_ADD = {"sqlite": _add(sqlite.insert(crash_marks)), "postgresql": _add(postgresql.insert(crash_marks))}


class CrashLoopGuard:
    """Naks and crash marks of one service's messages, shared by all its replicas.

    Every method raises `Unavailable` when the database is unavailable.
    """

    def __init__(self, service: str, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._service, self._database, self._now = service, database, now
        self._naks: Batcher[str, None] = Batcher(self._record, max_size=_MAX_GROUP)

    async def mark_started(self, delivery: Delivery) -> bool:
        """Mark the message as started; return False when it was, and no worker lived to report how that ended."""
        row = self._row(delivery.origin(), naks=0, started=True)

        def mark(connection: Connection) -> bool:
            return connection.execute(_MARK[connection.dialect.name], row).rowcount == 1

        return await self._database.commit(mark)

    async def record_nak(self, delivery: Delivery) -> None:
        """Record that the delivery ended in good order, although it comes again; clear its mark."""
        await self._naks(delivery.origin())

    async def naks_of(self, delivery: Delivery) -> int:
        """Return how many naks of the message were recorded, by any replica."""
        values = {"service": self._service, "origin": delivery.origin()}
        return await self._database.ask(lambda connection: connection.execute(_NAKS_OF, values).scalar()) or 0

    async def _record(self, origins: Sequence[str]) -> list[None]:
        # All in one order, or two workers could wait for each other.
        rows = [self._row(origin, naks=count, started=False) for origin, count in sorted(Counter(origins).items())]

        def add(connection: Connection) -> None:
            connection.execute(_ADD[connection.dialect.name], rows)

        await self._database.commit(add)
        return [None] * len(origins)

    def _row(self, origin: str, *, naks: int, started: bool) -> dict[str, object]:
        return {
            "service": self._service,
            "origin": origin,
            "naks": naks,
            "started": started,
            "marked_at": self._now(),
        }
