"""The outbox: follow-up jobs, written in their parent's transaction and published after it."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, delete, not_, or_, select, tuple_

from nightshift.batcher import Batcher
from nightshift.broker import BrokerRefusedError, QueueFullError
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.many_rows import execute_many
from nightshift.database.tables import outbox as table
from nightshift.messaging import outbound
from nightshift.messaging.job import FollowUp, Job
from nightshift.messaging.outbox_rows import changes, failure
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable

RELAY_AGE = timedelta(minutes=1)
"""Younger rows are their worker's own business."""
RELAY_PAGE = 100
REFUSED_DELAY = timedelta(seconds=30)
"""A follow-up whose queue is full waits so long on `later.`, and goes round again there if it must."""

_AFTER = tuple_(table.c.created_at, table.c.id) > tuple_(
    bindparam("after_time", type_=table.c.created_at.type), bindparam("after_id")
)
_PAGE = select(table).where(_AFTER).order_by(table.c.created_at, table.c.id).limit(RELAY_PAGE)
_OF_PARENT = _PAGE.where(
    table.c.consumer == bindparam("consumer"),
    table.c.type == bindparam("type"),
    table.c.parent_id == bindparam("parent"),
)
_OLD = table.c.created_at < bindparam("before", type_=table.c.created_at.type)
_DUE = and_(
    # Rows that were enqueued by SQL have a relay of their own.
    table.c.service.is_(None),
    or_(table.c.retry_at.is_(None), table.c.retry_at <= bindparam("now", type_=table.c.retry_at.type)),
)
_OWN = and_(table.c.type.is_not(None), table.c.consumer == bindparam("service"))
_TO_RELAY = _PAGE.where(
    _DUE,
    # Each service relays what the broker lets it publish: its own jobs' rows for any queue, and whatever is for its own
    # queue, whoever wrote it. What is for later goes into a stream that only its own service may publish to.
    or_(
        and_(table.c.subject.startswith(bindparam("later")), or_(_OLD, not_(_OWN))),
        and_(table.c.subject.startswith(bindparam("jobs")), _OLD),
        and_(table.c.subject.startswith(wire.JOBS), _OLD, _OWN),
    ),
)
_FIRST: Final = {"after_time": datetime(1970, 1, 1, tzinfo=UTC), "after_id": ""}
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
    # Nobody can guess the id and take it first: the follow-up would then count as done.
    job_id = follow_up.job_id or f"{row_id}/{secrets.token_hex(8)}"
    body, headers = outbound.encode(follow_up.message), outbound.with_tenant(job.trace, job.tenant)
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

    def __init__(
        self,
        service: str,
        database: Database,
        publisher: Publisher,
        *,
        relay_age: timedelta = RELAY_AGE,
        refused_delay: timedelta = REFUSED_DELAY,
    ) -> None:
        self._service, self._database, self._publisher = service, database, publisher
        self._relay_age, self._refused_delay = relay_age, refused_delay
        self._forget: Batcher[str, None] = Batcher(self._delete, max_size=RELAY_PAGE)

    async def publish(self, job: Job) -> None:
        """Publish what this parent's outbox still holds, and leave there what only another service may publish.

        The broker's duplicate window, and beyond it the inbox, see to it that each is done once.

        Raises:
            Unavailable: the database is unavailable; call again.
            ExceptionGroup: of what kept rows from being published (`Unavailable`, `BrokerRefusedError`,
                `ObjectStoreRefusedError`); call again.
        """
        await self._send_all(_OF_PARENT, {"consumer": job.service, "type": job.type, "parent": job.key})

    async def relay(self, now: datetime) -> int:
        """Publish the rows that nobody came back for, or that only this service may publish; return how many.

        A row that cannot be published gets its error, and is passed over until it is due again.

        Raises:
            Unavailable, ExceptionGroup: as `publish`; what was published stays published.
        """
        queue = {"jobs": f"jobs.{self._service}.", "later": f"later.{self._service}."}
        parameters = {"before": now - self._relay_age, "now": now, "service": self._service, **queue}
        return await self._send_all(_TO_RELAY, parameters, noted_at=now)

    async def _send_all(
        self, query: Select[Any], parameters: Mapping[str, Any], *, noted_at: datetime | None = None
    ) -> int:
        """Go through the rows page by page, beyond those that stay; return how many were published."""
        sent, after = 0, _FIRST
        errors: list[Exception] = []
        while True:
            rows = await self._rows(query, {**parameters, **after})
            results = await asyncio.gather(*(self._send(row) for row in rows), return_exceptions=True)
            sent += results.count(True)
            errors += [result for result in results if isinstance(result, Exception)]
            if noted_at is not None:
                await self._note(rows, results, noted_at)
            if len(rows) < RELAY_PAGE or any(isinstance(error, Unavailable) for error in errors):
                break
            after = {"after_time": rows[-1]["created_at"], "after_id": rows[-1]["id"]}

        if errors:  # every row was tried, unless there was an outage: one that is refused holds up no other
            raise ExceptionGroup("follow-up jobs could not be published", errors)
        return sent

    async def _note(self, rows: Sequence[Any], results: Sequence[object], now: datetime) -> None:
        """Write on each row why it cannot be published; an outage is no fault of a row's."""
        failures = [
            failure(row, result, now)
            for row, result in zip(rows, results, strict=True)
            if isinstance(result, Exception) and not isinstance(result, Unavailable | QueueFullError)
        ]
        if failures:
            noted = changes(self._database.dialect, (), failures)
            await self._database.commit(lambda connection: [connection.execute(*one) for one in noted])

    async def _rows(self, query: Select[Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
        return await self._database.ask(lambda connection: connection.execute(query, parameters).mappings().all())

    async def _send(self, row: Any) -> bool:
        """Publish a row and forget it; False when it stays for the relay of the service whose queue it is for."""
        written = OutboundMessage(row["subject"], dict(row["headers"]), bytes(row["body"]))
        now, is_job = datetime.now(UTC), written.subject.startswith(wire.JOBS)
        is_mine = written.subject.split(".")[1] == self._service
        if not (is_job or is_mine):
            return False
        with self._publisher.sending([written]) as (traced,):
            message = await self._publisher.claimed(traced, row["not_before"] or now)
            try:
                await self._publisher.store(message)
            except BrokerRefusedError:
                if not is_job:
                    raise
                if not is_mine:
                    return False
                await self._publisher.store(_detour(message, now + self._refused_delay))
        await self._forget(row["id"])
        return True

    async def _delete(self, row_ids: Sequence[str]) -> list[None]:
        rows = [{"row_id": row_id} for row_id in row_ids]
        await self._database.commit(lambda connection: execute_many(connection, _DELETE, rows))
        return [None] * len(row_ids)


def _detour(message: OutboundMessage, at: datetime) -> OutboundMessage:
    """The same job by way of `later.`, which has no limit, for a queue that is full."""
    job_type = wire.type_of(message.subject)
    kept = outbound.strip_broker_headers(message.headers)
    return outbound.scheduled(job_type, message.headers[wire.JOB_ID], message.body, kept, at)
