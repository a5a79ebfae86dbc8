"""Publishes jobs: now, many at once, or later; and cancels those that wait."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from nightshift.broker import Connection
from nightshift.broker.batch import MAX_BATCH, store_batch
from nightshift.broker.jetstream import Stored, manage
from nightshift.broker.message import OutboundMessage
from nightshift.broker.publish_batcher import PublishBatcher
from nightshift.contract import wire
from nightshift.contract.message import Message
from nightshift.messaging import outbound
from nightshift.messaging.awaiting import AwaitsResults
from nightshift.messaging.enqueue import enqueue
from nightshift.messaging.publish_arguments import checked_headers, checked_type, new_job_id, run_time
from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.objects import ObjectStore
from nightshift.topology.topology import later_stream

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from nightshift.messaging.own_transaction import OwnTransaction


class Receipt(msgspec.Struct, frozen=True):
    """The broker has the job: it will be worked off, or end as a dead letter."""

    job_id: str
    subject: str
    stream: str
    sequence: int
    duplicate: bool = False
    """The broker had a job of this type and id within its window already and dropped this one."""


class Entry(msgspec.Struct, frozen=True):
    """One job of a batch, when it needs more than its message."""

    message: Message
    job_id: str | None = None
    tenant: str | None = None


class Publisher(AwaitsResults):
    """Publishes jobs and waits for the broker's acknowledgement: what returns a receipt is accepted.

    All methods raise `Refused` when the broker says no (`QueueFull`, `NotPermitted`): then nothing was stored; and
    `Unavailable` when it is away: then its answer may have been lost, and publishing again with the same id is safe.
    They raise `ValueError` for a job type that is none, and for headers that begin with `Nats-` or are almost ours.
    """

    def __init__(
        self,
        connection: Connection,
        objects: ObjectStore | None = None,
        *,
        timeout_seconds: float = 10.0,
        patience_seconds: float | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """`timeout_seconds` are for each answer of the broker; with `patience_seconds` no single publish takes longer.

        Without, one may wait behind others that get no answer either.
        """
        self._connection, self._objects, self._timeout_seconds = connection, objects, timeout_seconds
        self._tracing = tracing
        self._grouped = PublishBatcher(connection, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds)

    async def publish(
        self,
        message: Message,
        *,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Publishes a job to be done now. `job_id` is its idempotency key; without one it gets a new one.

        `tenant` says whose job it is, for the ledger (`nightshift jobs list --tenant`).
        """
        body = outbound.encode(message)
        return await self.publish_body(message.TYPE, body, job_id=job_id, tenant=tenant, headers=headers)

    async def publish_body(
        self,
        job_type: str,
        body: bytes,
        *,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Publishes a job whose body is JSON already, unchecked: the worker judges it."""
        job_id = job_id or new_job_id()
        message = outbound.job(
            checked_type(job_type), job_id, body, outbound.with_tenant(checked_headers(headers), tenant)
        )
        return await self._store(job_id, message, datetime.now(UTC))

    async def publish_later(
        self,
        message: Message,
        *,
        at: datetime | None = None,
        delay: timedelta | None = None,
        job_id: str | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Publishes a job to be done at `at` (aware) or after `delay`, of any length.

        The same type and id again replaces it. `cancel` takes it back until its time has come.
        """
        runs_at = run_time(at, delay)
        job_id = job_id or new_job_id()
        body = outbound.encode(message)
        own = outbound.with_tenant(checked_headers(headers), tenant)
        schedule = outbound.scheduled(checked_type(message.TYPE), job_id, body, own, runs_at)
        return await self._store(job_id, schedule, runs_at)

    async def publish_many(self, entries: Sequence[Message | Entry]) -> list[Receipt]:
        """Publishes up to 1,000 jobs of one service, all or nothing, for the price of one acknowledgement.

        Raises:
            ValueError: more than 1,000 jobs, or of more than one service; nothing was published.
            DuplicateInBatch: an id was published within the last two minutes, or twice here; nothing was stored.
        """
        batch = [entry if isinstance(entry, Entry) else Entry(entry) for entry in entries]
        services = {wire.service_of(checked_type(entry.message.TYPE)) for entry in batch}
        if len(batch) > MAX_BATCH or len(services) > 1:
            raise ValueError(
                f"a batch is at most {MAX_BATCH} jobs of one service; this one has {len(batch)} of {len(services)}"
            )
        now = datetime.now(UTC)
        ids = [entry.job_id or new_job_id() for entry in batch]
        messages = [
            await outbound.offload_body(self._objects, _entry_message(entry, job_id), now)
            for entry, job_id in zip(batch, ids, strict=True)
        ]
        with self.sending(messages) as traced:
            stored = await self.store_all(traced)
        return [
            _receipt(job_id, message.subject, answer)
            for job_id, message, answer in zip(ids, messages, stored, strict=True)
        ]

    async def enqueue(
        self,
        connection: "AsyncConnection | AsyncSession | OwnTransaction",
        message: Message,
        *,
        job_id: str | None = None,
        at: datetime | None = None,
        delay: timedelta | None = None,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> str:
        """Write a job into the outbox in the caller's own transaction; return its id. The broker is not asked.

        The job exists if and only if the transaction commits. `connection` is SQLAlchemy's, or a session; what is not
        asynchronous blocks as it does anywhere. All else is as in `nightshift.enqueue`.
        """
        write = partial(
            enqueue, message=message, job_id=job_id, at=at, delay=delay, tenant=tenant, headers=headers, schema=schema
        )
        if hasattr(connection, "run_sync"):
            return str(await connection.run_sync(write))
        return write(connection)

    async def cancel(self, job_type: str, job_id: str) -> bool:
        """Takes back a job that waits for its time (delayed, or between two attempts); False when there is none."""
        return await self.purge(
            later_stream(wire.service_of(checked_type(job_type))), wire.later_subject(job_type, job_id)
        )

    async def claimed(self, message: OutboundMessage, runs_at: datetime) -> OutboundMessage:
        """The same message, its body as a claim check when it is too long to travel."""
        return await outbound.offload_body(self._objects, message, runs_at)

    def sending(self, messages: Sequence[OutboundMessage]) -> AbstractContextManager[Sequence[OutboundMessage]]:
        """Yields the messages as they are to be stored within: with a span of their own where tracing is on."""
        return self._tracing.sending(messages)

    async def store(self, message: OutboundMessage) -> Stored:
        """Stores a finished message as it is: a copy for later, a dead letter, a follow-up."""
        return await self._grouped(message)

    async def store_all(self, messages: Sequence[OutboundMessage]) -> Sequence[Stored]:
        """Store finished messages of one queue, all or none; return where each is."""
        return await store_batch(self._connection, messages, timeout_seconds=self._timeout_seconds)

    async def purge(self, stream: str, subject: str) -> bool:
        """Remove what waits on a subject; return whether there was anything."""
        answer = await manage(
            self._connection, f"STREAM.PURGE.{stream}", {"filter": subject}, timeout_seconds=self._timeout_seconds
        )
        return bool(answer.get("purged"))

    async def _store(self, job_id: str, message: OutboundMessage, runs_at: datetime) -> Receipt:
        own = wire.TRACEPARENT in message.headers  # whoever gives a job its trace has a span for it already
        with nullcontext([message]) if own else self.sending([message]) as (traced,):
            claimed = await outbound.offload_body(self._objects, traced, runs_at)
            return _receipt(job_id, claimed.subject, await self.store(claimed))


def _entry_message(entry: Entry, job_id: str) -> OutboundMessage:
    headers = outbound.with_tenant({}, entry.tenant)
    return outbound.job(entry.message.TYPE, job_id, outbound.encode(entry.message), headers)


def _receipt(job_id: str, subject: str, stored: Stored) -> Receipt:
    return Receipt(job_id, subject, stored.stream, stored.seq, stored.duplicate)
