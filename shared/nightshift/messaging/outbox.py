"""The outbox: follow-up jobs, written in their parent's transaction and published after it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, or_, select

from nightshift.batcher import Batcher
from nightshift.broker import BrokerRefusedError
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import outbox as table
from nightshift.messaging import outbound
from nightshift.messaging.job import FollowUp, Job
from nightshift.messaging.publisher import Publisher

RELAY_AGE = timedelta(minutes=1)
"""Younger rows are their worker's own business."""
RELAY_PAGE = 100
_REFUSED_DELAY = timedelta(seconds=30)
"""A follow-up whose queue is full waits so long on `later.`, and goes round again there if it must."""

_OF_PARENT = (
    select(table)
    .where(
        table.c.consumer == bindparam("consumer"),
        table.c.type == bindparam("type"),
        table.c.parent_id == bindparam("id"),
    )
    .limit(RELAY_PAGE)
)
_OLD = (
    select(table)
    .where(
        table.c.created_at < bindparam("before"),
        # Each service relays what the broker lets it publish: its own jobs' rows, and what no job wrote for its queue.
        or_(
            and_(table.c.type.is_not(None), table.c.consumer == bindparam("service")),
            and_(
                table.c.type.is_(None),
                or_(table.c.subject.startswith(bindparam("jobs")), table.c.subject.startswith(bindparam("later"))),
            ),
        ),
    )
    .order_by(table.c.created_at)
    .limit(RELAY_PAGE)
)
_DELETE = delete(table).where(table.c.id == bindparam("row_id"))


def rows_of(job: Job, now: datetime) -> list[dict[str, Any]]:
    """The outbox rows of a job's follow-ups.

    Raises:
        msgspec.ValidationError, JobTooLarge: one could not be published; after the commit it would wait for ever.
    """
    return [_row(job, number, follow_up, now) for number, follow_up in enumerate(job.follow_ups)]


def _row(job: Job, number: int, follow_up: FollowUp, now: datetime) -> dict[str, Any]:
    row_id = f"{job.service}/{job.type}/{job.key}/{number}"
    job_type = follow_up.message.TYPE
    body, job_id, headers = outbound.encode(follow_up.message), follow_up.job_id or row_id, job.trace
    if follow_up.at is None:
        message = outbound.job(job_type, job_id, body, headers)
    else:
        message = outbound.scheduled(job_type, job_id, body, headers, follow_up.at)
    outbound.check(message)
    return {
        "id": row_id,
        "consumer": job.service,
        "type": job.type,
        "parent_id": job.key,
        "subject": message.subject,
        "body": message.body,
        "headers": message.headers,
        "not_before": follow_up.at,
        "created_at": now,
    }


class Outbox:
    """Publishes what committed parents left, and forgets it once the broker has it."""

    def __init__(self, service: str, database: Database, publisher: Publisher) -> None:
        self._service, self._database, self._publisher = service, database, publisher
        self._forget: Batcher[str, None] = Batcher(self._delete, max_size=RELAY_PAGE)

    async def publish(self, job: Job) -> None:
        """Publishes what this parent's outbox still holds. The broker and its window see to it that it is once.

        Raises:
            Unavailable: the broker or the database is away; call again.
        """
        key = {"consumer": job.service, "type": job.type, "id": job.key}
        while await self._send_page(_OF_PARENT, key) == RELAY_PAGE:
            pass

    async def relay(self, now: datetime) -> int:
        """Publishes one page of this service's rows that nobody came back for; returns how many there were."""
        queue = {"jobs": f"jobs.{self._service}.", "later": f"later.{self._service}."}
        return await self._send_page(_OLD, {"before": now - RELAY_AGE, "service": self._service, **queue})

    async def _send_page(self, query: Select[Any], parameters: dict[str, Any]) -> int:
        rows = await self._database.ask(lambda connection: connection.execute(query, parameters).mappings().all())
        results = await asyncio.gather(*(self._send(row) for row in rows), return_exceptions=True)
        errors = [result for result in results if isinstance(result, Exception)]
        if errors:  # each row was tried: what is refused keeps no other one back
            raise ExceptionGroup("follow-up jobs could not be published", errors)
        return len(rows)

    async def _send(self, row: Any) -> None:
        written = OutboundMessage(row["subject"], dict(row["headers"]), bytes(row["body"]))
        runs_at = row["not_before"] or datetime.now(UTC)
        with self._publisher.sending([written]) as (traced,):
            message = await self._publisher.claimed(traced, runs_at)
            try:
                await self._publisher.store(message)
            except BrokerRefusedError:
                if not message.subject.startswith(wire.JOBS):
                    raise
                await self._publisher.store(_detour(message, datetime.now(UTC) + _REFUSED_DELAY))
        await self._forget(row["id"])

    async def _delete(self, row_ids: Sequence[str]) -> list[None]:
        rows = [{"row_id": row_id} for row_id in row_ids]
        await self._database.commit(lambda connection: connection.execute(_DELETE, rows))
        return [None] * len(row_ids)


def _detour(message: OutboundMessage, at: datetime) -> OutboundMessage:
    """The same job by way of `later.`, which has no limit, for a queue that is full."""
    job_type = wire.type_of(message.subject)
    kept = outbound.strip_broker_headers(message.headers)
    return outbound.scheduled(job_type, message.headers[wire.JOB_ID], message.body, kept, at)
