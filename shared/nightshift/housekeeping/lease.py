"""A lease on a task that one replica of a service does at a time."""

from datetime import datetime

from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from nightshift.database import Database
from nightshift.database.tables import leases

_EXPIRED = leases.c.expires_at <= bindparam("now", type_=leases.c.expires_at.type)


def _take(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    """Insert the lease, or renew it where it has expired; no row is written where somebody holds it."""
    return insert.on_conflict_do_update(
        index_elements=[leases.c.service, leases.c.task],
        set_={"expires_at": insert.excluded.expires_at},
        where=_EXPIRED,
    )


_TAKE = {"sqlite": _take(sqlite.insert(leases)), "postgresql": _take(postgresql.insert(leases))}


async def take_lease(database: Database, service: str, task: str, *, now: datetime, until: datetime) -> bool:
    """Take the lease of a task until an instant; return False while another replica holds it.

    Raises:
        Unavailable: the database is unavailable.
    """
    values = {"service": service, "task": task, "expires_at": until, "now": now}

    def take(connection: Connection) -> bool:
        return connection.execute(_TAKE[connection.dialect.name], values).rowcount == 1

    return await database.commit(take)
