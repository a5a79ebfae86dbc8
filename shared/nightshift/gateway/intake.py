"""Intake: a job is with the broker, or in the outbox, before anybody is told that it is accepted."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.jetstream import Stored
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.gateway.outbox_rows import OutboxRows
from nightshift.instants import utc_now
from nightshift.messaging import outbound
from nightshift.messaging.cancelling import cancel_in, take_out_of_outbox
from nightshift.messaging.ledger import LedgerEntry
from nightshift.messaging.publisher import Publisher
from nightshift.objects import ObjectStoreRefusedError
from nightshift.observability.log import get_logger
from nightshift.outcomes import Unavailable

BROKER_SECONDS = 1.0
"""For the broker's acknowledgement; with the outbox row's second an answer comes within 2.5 s, whatever is away."""
CLAIM_SECONDS = 4.0
TRY_SECONDS = 1.0
_log = get_logger("intake")


class Accepted(msgspec.Struct, frozen=True):
    """Where a job is now; `stored` is None for one that waits in the outbox."""

    message: OutboundMessage
    stored: Stored | None
    is_new: bool = True
    """Whether it was not there before, as far as its queue remembers and the outbox holds."""


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
        self._outbox = OutboxRows(database, now)
        self._away, self._next_try = False, 0.0

    async def accept(
        self,
        message: OutboundMessage,
        *,
        runs_at: datetime | None = None,
        outbox_when_refused: bool = False,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> Accepted:
        """Store one message; return where it is.

        `outbox_when_refused` is for what its sender would not send again: then a full queue, or another refusal, is a
        reason to put it into the outbox. `claim_seconds` are for a large body to get to the object store.

        Raises:
            BrokerRefusedError, ObjectStoreRefusedError: (`QueueFullError`) it was refused: nothing was stored.
            Unavailable: neither broker nor database took it.
        """
        claimed = message
        with self._publisher.sending([message]) as (traced,):
            try:
                claimed = await self._claimed(traced, runs_at, claim_seconds)
                if not self._skips_broker:
                    stored = await self._store(claimed)
                    return Accepted(message, stored, not stored.duplicate)
            except (BrokerRefusedError, ObjectStoreRefusedError) as refused:
                if not outbox_when_refused:
                    raise
                _log.error("into_outbox", f"What comes in goes into the outbox: {refused}")
            except Unavailable as away:
                self._broke(away)
        new = await self._outbox.write([claimed], runs_at)
        return Accepted(message, None, all(new))

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
        await self._outbox.write(messages, None)
        return [Accepted(message, None) for message in messages]

    async def take_back(self, job_type: str, job_id: str) -> bool:
        """Remove a job that waits for its time, or in the outbox; return whether there was one.

        Raises:
            Unavailable: broker or database is unavailable.
        """
        if await self._database.commit(lambda it: take_out_of_outbox(it, job_type, job_id, self._now())):
            return True
        return await self._publisher.cancel(job_type, job_id)

    async def cancel(self, job_type: str, job_id: str) -> LedgerEntry:
        """Cancel for good a job that waits in its queue; return how it has ended.

        Raises:
            Unavailable: the database is unavailable.
        """
        return await self._database.commit(lambda it: cancel_in(it, job_type, job_id, self._now()))

    @property
    def _skips_broker(self) -> bool:
        """Whether the broker is away: without a connection a try would only wait in vain, and one a second is enough.

        A broker that is frozen keeps its connection, and would otherwise cost everybody the second.
        """
        if not self._away:
            return False
        now = asyncio.get_running_loop().time()
        if not self._connection.up.is_set() or now < self._next_try:
            return True
        self._next_try = now + TRY_SECONDS
        return False

    def _broke(self, away: Unavailable) -> None:
        if away.component != "broker" or not self._away:  # an outage is told once
            _log.warning("into_outbox", f"What comes in goes into the outbox: {away}")
        if away.component == "broker":
            self._away, self._next_try = True, asyncio.get_running_loop().time() + TRY_SECONDS

    async def _store(self, message: OutboundMessage) -> Stored:
        stored = await self._publisher.store(message)
        self._away = False
        return stored

    async def _claimed(
        self, message: OutboundMessage, runs_at: datetime | None = None, claim_seconds: float = CLAIM_SECONDS
    ) -> OutboundMessage:
        if len(message.body) <= wire.MAX_INLINE_BYTES:
            return message
        try:
            async with asyncio.timeout(claim_seconds):
                return await self._publisher.claimed(message, runs_at or self._now())
        except TimeoutError:
            raise Unavailable("objects", "no answer in time") from None


def job_message(
    job_type: str, job_id: str, body: bytes, trace: Mapping[str, str], runs_at: datetime | None
) -> OutboundMessage:
    """Return the message of a job to run now, or at a time."""
    if runs_at is None:
        return outbound.job(job_type, job_id, body, trace)
    return outbound.scheduled(job_type, job_id, body, trace, runs_at)
