"""What becomes of rows of the outbox: forgotten when the broker has them, or noted with what keeps it from that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, Executable, Text, any_, bindparam, delete, func, select, update

from nightshift.backoff import Backoff
from nightshift.config.redaction import single_line
from nightshift.database import Database
from nightshift.database.tables import outbox as table
from nightshift.messaging.errors import describe
from nightshift.observability.metrics import BY_SQL, OutboxShare

RETRIES: Final = Backoff(base_seconds=10.0, ceiling_seconds=600.0)
"""After the failures of a row: it may need a person, or only that something else comes back."""
_FORGET = delete(table).where(table.c.id == bindparam("row_id"))
_FORGET_ALL = delete(table).where(table.c.id == any_(bindparam("row_ids", type_=ARRAY(Text()))))
_NOTE = (
    update(table)
    .where(table.c.id == bindparam("row_id"))
    .values(tries=bindparam("count"), retry_at=bindparam("at", type_=table.c.retry_at.type), error=bindparam("text"))
)


_SHARES = select(table.c.consumer, table.c.service, func.count(), func.min(table.c.created_at)).group_by(
    table.c.consumer, table.c.service
)
_BLAMELESS = _SHARES.where(table.c.error.is_(None))


class Failure(NamedTuple):
    """Why a row could not be published, and when it is tried again."""

    row_id: str
    tries: int
    retry_at: datetime
    error: str


def failure(row: Mapping[str, Any], error: BaseException, now: datetime, retries: Backoff = RETRIES) -> Failure:
    """Return what is noted on a row; its error is one line without secrets."""
    tries = row["tries"] + 1
    return Failure(row["id"], tries, now + retries.delay(tries), single_line(describe(error)))


def changes(dialect: str, done: Sequence[str], failures: Sequence[Failure]) -> list[tuple[Executable, Any]]:
    """Return the statements that forget rows and note failures, each with its parameters."""
    statements: list[tuple[Executable, Any]] = []
    if done and dialect == "postgresql":
        statements.append((_FORGET_ALL, {"row_ids": list(done)}))
    elif done:
        statements.append((_FORGET, [{"row_id": row_id} for row_id in done]))
    if failures:
        noted = [{"row_id": one.row_id, "count": one.tries, "at": one.retry_at, "text": one.error} for one in failures]
        statements.append((_NOTE, noted))
    return statements


async def outbox_shares(database: Database, *, failed: bool = True) -> list[OutboxShare]:
    """Return what the outbox holds, by who wrote it and whose relay publishes it; `failed` rows are counted as well.

    Raises:
        Unavailable: the database is unavailable.
    """
    query = _SHARES if failed else _BLAMELESS
    return [
        OutboxShare(BY_SQL if queue else consumer, queue or "", count, oldest.timestamp())
        for consumer, queue, count, oldest in await database.ask(lambda connection: connection.execute(query).all())
    ]
