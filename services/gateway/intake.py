"""Intake: a job is with the broker, or in the outbox, before anybody is told that it is accepted."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite

from nightshift.batcher import Batcher
from nightshift.broker import Connection, QueueFullError
from nightshift.broker.jetstream import Stored
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import outbox as table
from nightshift.instants import utc_now
from nightshift.messaging import outbound
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

BROKER_SECONDS = 1.0
"""For the broker's acknowledgement, and then for the outbox row: an answer comes within 2.5 s, whatever is away."""
DATABASE_SECONDS = 1.0
LONGEST_OUTBOX_BODY = 4 * 1024 * 1024
_CONSUMER = "gateway"
_INSERTS = {
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
}
"""One that is there already stays as it is."""
_GROUP = 500
_DELETE = delete(table).where(table.c.id == bindparam("row"))
_log = get_logger("intake")


class Accepted(msgspec.Struct, frozen=True):
    """Where a job is now; `stored` is None for one that waits in the outbox."""

    message: OutboundMessage
    stored: Stored | None


def outbox_id(job_type: str, job_id: str) -> str:
    """Return the id of the outbox row of a job that the gateway could not give to the broker."""
    return f"{_CONSUMER}/{job_type}/{wire.safe_token(job_id)}/0"


class Intake:
    """Stores finished messages (`nightshift.messaging.outbound` makes them) with the broker, else in the outbox.

    The relay of the service whose queue it is publishes what is in the outbox, with the same ids: one that the broker
    had got after all is done once.
    """

    def __init__(
        self,
        connection: Connection,
        database: Database,
        publisher: Publisher,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._connection, self._database, self._publisher, self._now = connection, database, publisher, now
        self._leave: Batcher[Mapping[str, Any], None] = Batcher(self._insert, max_size=_GROUP)
        self._away = False

    async def accept(
        self, message: OutboundMessage, *, runs_at: datetime | None = None, outbox_when_full: bool = False
    ) -> Accepted:
        """Store one message; return where it is.

        Raises:
            QueueFullError: its queue is full, and `outbox_when_full` is not set: nothing was stored.
            Unavailable: neither broker nor database took it.
            BrokerRefusedError: the broker refuses it for another reason.
        """
        if not self._skips_broker:
            try:
                return await self._publish(message, runs_at)
            except QueueFullError:
                if not outbox_when_full:
                    raise
            except Unavailable as away:
                self._broke(away)
        await self._into_outbox([message], runs_at)
        return Accepted(message, None)

    async def accept_all(self, messages: Sequence[OutboundMessage], publisher: Publisher) -> list[Accepted]:
        """Store messages of one queue, all or none; `publisher` is one with time enough for many.

        Raises:
            DuplicateInBatchError: the broker knows one of the ids, or it occurs twice: nothing was stored.
            QueueFullError, Unavailable, BrokerRefusedError: as `accept`.
        """
        if not self._skips_broker:
            try:
                with publisher.sending(messages) as traced:
                    stored = await publisher.store_all([await self._claimed(message) for message in traced])
            except Unavailable as away:
                self._broke(away)
            else:
                return [Accepted(message, place) for message, place in zip(messages, stored, strict=True)]
        await self._into_outbox(messages, None)
        return [Accepted(message, None) for message in messages]

    async def take_back(self, job_type: str, job_id: str) -> bool:
        """Remove a job that waits for its time, or in the outbox; return whether there was one.

        Raises:
            Unavailable: broker or database is unavailable.
        """
        row = {"row": outbox_id(job_type, job_id)}
        left = await self._database.commit(lambda connection: connection.execute(_DELETE, row).rowcount)
        waited = await self._publisher.cancel(job_type, job_id)
        return waited or bool(left)

    @property
    def _skips_broker(self) -> bool:
        """Whether the last try has failed and there was no connection since: another would only wait in vain."""
        self._away = self._away and not self._connection.up.is_set()
        return self._away

    def _broke(self, away: Unavailable) -> None:
        self._away = not self._connection.up.is_set()
        _log.warning("into_outbox", f"What comes in goes into the outbox: {away}")

    async def _publish(self, message: OutboundMessage, runs_at: datetime | None) -> Accepted:
        with self._publisher.sending([message]) as (traced,):
            claimed = await self._claimed(traced, runs_at)
            return Accepted(message, await self._publisher.store(claimed))

    async def _claimed(self, message: OutboundMessage, runs_at: datetime | None = None) -> OutboundMessage:
        if len(message.body) <= wire.MAX_INLINE_BYTES:
            return message
        try:
            async with asyncio.timeout(BROKER_SECONDS * 4):
                return await self._publisher.claimed(message, runs_at or self._now())
        except TimeoutError:
            raise Unavailable("objects", "no answer in time") from None

    async def _into_outbox(self, messages: Sequence[OutboundMessage], runs_at: datetime | None) -> None:
        if any(len(message.body) > LONGEST_OUTBOX_BODY for message in messages):
            raise Unavailable("objects", "the body is too long for the outbox")
        rows = [self._row(message, runs_at) for message in messages]
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                if len(rows) == 1:
                    await self._leave(rows[0])
                else:
                    await self._insert(rows)
        except TimeoutError:
            raise Unavailable("database", f"no answer within {DATABASE_SECONDS:g} s") from None

    def _row(self, message: OutboundMessage, runs_at: datetime | None) -> dict[str, Any]:
        return {
            "id": outbox_id(_type_in(message.subject), message.headers[wire.JOB_ID]),
            "consumer": _CONSUMER,
            "type": None,
            "parent_id": None,
            "subject": message.subject,
            "body": message.body,
            "headers": message.headers,
            "not_before": runs_at,
            "created_at": self._now(),
        }

    async def _insert(self, rows: Sequence[Mapping[str, Any]]) -> list[None]:
        """Insert rows in one transaction."""
        statement = _INSERTS[self._database.dialect]

        def work(connection: DatabaseConnection) -> None:
            connection.execute(statement, [dict(row) for row in rows])

        await self._database.commit(work)
        return [None] * len(rows)


def _type_in(subject: str) -> str:
    """Return the job type of `jobs.<type>` or `later.<type>.<token>`."""
    rest = wire.type_of(subject)
    return rest if subject.startswith(wire.JOBS) else rest.rpartition(".")[0]


def job_message(
    job_type: str, job_id: str, body: bytes, trace: Mapping[str, str], runs_at: datetime | None
) -> OutboundMessage:
    """Return the message of a job to run now, or at a time."""
    if runs_at is None:
        return outbound.job(job_type, job_id, body, trace)
    return outbound.scheduled(job_type, job_id, body, trace, runs_at)
