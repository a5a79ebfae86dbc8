"""What the database knows of producers that enqueue by SQL: which job types they may use, and whether they ring."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, insert, select, text

from nightshift.contract.wire import service_of
from nightshift.database.library_schema import schema_of
from nightshift.database.migrations.errors import explained
from nightshift.database.migrations.runner import migrating
from nightshift.database.tables import SCHEMA, producer_types

TRIGGER = "ring_relay"
_CREATE = (
    f"CREATE CONSTRAINT TRIGGER {TRIGGER} AFTER INSERT ON {SCHEMA}.outbox DEFERRABLE INITIALLY DEFERRED"
    f" FOR EACH ROW WHEN (NEW.service IS NOT NULL) EXECUTE FUNCTION {SCHEMA}.{TRIGGER}()"
)
_DROP = f"DROP TRIGGER {TRIGGER} ON {SCHEMA}.outbox"
_RINGS = text(
    "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(:outbox) AND tgname = :name AND NOT tgisinternal"
)


async def let_producers(
    url: str, types: Iterable[str], *, notify: bool, services: Collection[str] | None = None
) -> list[str]:
    """Let these job types of these services be enqueued by SQL, and no others; return one line for each change.

    Those of other services stay as they are: a database may be that of several modules, which are provisioned one by
    one. By default all services are meant.

    `notify` says whether a commit that enqueues rings its relay (PostgreSQL); without it the relays look.

    Raises:
        MigrationError: a right is missing.
        Unavailable: the database is unavailable.
    """
    wanted = set(types)

    def work(connection: Connection) -> list[str]:
        with explained("the producers that enqueue by SQL"):
            return [*_offer(connection, wanted, services), *_let_ring(connection, wanted=notify)]

    async with migrating(url) as database, database.write() as connection:
        return await connection.run_sync(work)


def rings(connection: Connection) -> bool:
    """Return whether a commit that enqueues by SQL rings its relay."""
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.execute(_RINGS, {"outbox": f"{schema_of(connection)}.outbox", "name": TRIGGER}).scalar())


def offered(connection: Connection) -> set[str]:
    """Return the job types that may be enqueued by SQL."""
    return set(connection.execute(select(producer_types.c.type)).scalars())


def _offer(connection: Connection, wanted: set[str], services: Collection[str] | None) -> list[str]:
    there = {one for one in offered(connection) if services is None or service_of(one) in services}
    for job_type in sorted(there - wanted):
        connection.execute(delete(producer_types).where(producer_types.c.type == job_type))
    if wanted - there:
        connection.execute(insert(producer_types), [{"type": job_type} for job_type in sorted(wanted - there)])
    return [
        *(f"{job_type} may be enqueued by SQL" for job_type in sorted(wanted - there)),
        *(f"{job_type} may no longer be enqueued by SQL" for job_type in sorted(there - wanted)),
    ]


def _let_ring(connection: Connection, *, wanted: bool) -> list[str]:
    if connection.dialect.name != "postgresql" or rings(connection) == wanted:
        return []
    connection.exec_driver_sql(_CREATE if wanted else _DROP)
    return [f"the outbox {'rings its relays by NOTIFY' if wanted else 'no longer rings its relays by NOTIFY'}"]
