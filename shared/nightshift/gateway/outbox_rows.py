"""Rows of the outbox that no job wrote: jobs that the gateway could not give to the broker."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from nightshift.batcher import Batcher
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import outbox as table
from nightshift.outcomes import Unavailable

DATABASE_SECONDS = 1.0
LONGEST_OUTBOX_BODY = 4 * 1024 * 1024
_CONSUMER = "gateway"
_INSERTS = {
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
}
"""One that is there already stays as it is."""
_GROUP = 200


class OutboxRows:
    """Writes rows; those that are written at the same time share a transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now
        self._leave: Batcher[Mapping[str, Any], bool] = Batcher(self._insert, max_size=_GROUP)

    async def write(self, messages: Sequence[OutboundMessage], runs_at: datetime | None) -> Sequence[bool]:
        """Write a row for each message, all or none; return which were not there before.

        Raises:
            Unavailable: the database did not take them in time, or a body is too long for it.
        """
        if any(len(message.body) > LONGEST_OUTBOX_BODY for message in messages):
            raise Unavailable("objects", "the body is too long for the outbox")
        rows = [self._row(message, runs_at) for message in messages]
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                return [await self._leave(rows[0])] if len(rows) == 1 else await self._insert(rows)
        except TimeoutError:
            raise Unavailable("database", f"no answer within {DATABASE_SECONDS:g} s") from None

    def _row(self, message: OutboundMessage, runs_at: datetime | None) -> dict[str, Any]:
        return {
            "id": f"{_CONSUMER}/{_type_in(message.subject)}/{wire.safe_token(message.headers[wire.JOB_ID])}/0",
            "consumer": _CONSUMER,
            "type": None,
            "parent_id": None,
            "subject": message.subject,
            "body": message.body,
            "headers": dict(message.headers),
            "not_before": runs_at,
            "created_at": self._now(),
        }

    async def _insert(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[bool]:
        """Insert rows in one transaction, in the order of ids so that no two processes wait for each other."""
        statement = _INSERTS[self._database.dialect]

        def work(connection: Connection) -> list[bool]:
            new = [False] * len(rows)
            for index in sorted(range(len(rows)), key=lambda one: rows[one]["id"]):
                new[index] = connection.execute(statement, rows[index]).rowcount == 1
            return new

        return await self._database.commit(work)


def _type_in(subject: str) -> str:
    """Return the job type of `jobs.<type>` or `later.<type>.<token>`."""
    rest = wire.type_of(subject)
    return rest if subject.startswith(wire.JOBS) else rest.rpartition(".")[0]
