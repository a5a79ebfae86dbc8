"""Rows that were enqueued by SQL: the relay of a service publishes them, a page at a time.

The database has checked such a row when it was written (migration 0004): its subject, that its body is JSON, that its
headers hold no orders. Here it becomes the message that our own publisher would have made of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, select, text

from nightshift.backoff import Backoff
from nightshift.broker import BrokerRefusedError, QueueFullError
from nightshift.broker.batch import MAX_BATCH
from nightshift.broker.message import OutboundMessage
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.database.tables import outbox as table
from nightshift.messaging import outbound
from nightshift.messaging.outbox_rows import RETRIES, Failure, changes, failure
from nightshift.messaging.publisher import Publisher
from nightshift.outcomes import Unavailable

PAGE = MAX_BATCH
"""Rows that are published as one atomic batch."""
_FIRST_OF_FULL = 20
"""So many are tried singly when their batch did not fit into the queue."""
_PLAN_ANEW = text("SET LOCAL plan_cache_mode = force_custom_plan")
"""PostgreSQL would keep the plan that it made while the table was empty, and read a whole backlog for each page."""
_OF_SERVICE = select(
    table.c.id, table.c.subject, table.c.body, table.c.headers, table.c.not_before, table.c.tries
).where(table.c.service == bindparam("service"))


def _pages(query: Select[Any]) -> Mapping[str, Select[Any]]:
    """Return a page in the words of each kind of database.

    On PostgreSQL the replicas of a service take different rows: those of one that dies are free with its connection. On
    SQLite they may publish a row twice, which the broker and the inbox notice.
    """
    page = query.limit(PAGE)
    return {"sqlite": page, "postgresql": page.with_for_update(skip_locked=True)}


_NEW = _pages(_OF_SERVICE.where(table.c.retry_at.is_(None)).order_by(table.c.retry_at, table.c.created_at))
_DUE = _pages(
    _OF_SERVICE.where(table.c.retry_at <= bindparam("now", type_=table.c.retry_at.type)).order_by(table.c.retry_at)
)


class Turn(NamedTuple):
    """What became of a page."""

    rows: int
    published: int


class EnqueuedRows:
    """Publishes what was enqueued by SQL for one service, and forgets it once the broker has it."""

    def __init__(self, service: str, database: Database, publisher: Publisher, *, retries: Backoff = RETRIES) -> None:
        self._service, self._database, self._publisher, self._retries = service, database, publisher, retries

    async def publish_new(self, now: datetime) -> Turn:
        """Publish the oldest rows that were not tried yet, a page at most.

        A row that cannot be published gets its error, and is passed over until it is due again.

        Raises:
            Unavailable, QueueFullError: nothing can be published at present; what was published stays so.
        """
        return await self._page(_NEW, now)

    async def publish_again(self, now: datetime) -> Turn:
        """Do the same with rows that could not be published before, and are due."""
        return await self._page(_DUE, now)

    async def _page(self, pages: Mapping[str, Select[Any]], now: datetime) -> Turn:
        dialect, parameters = self._database.dialect, {"service": self._service, "now": now}
        sending = _Sending(self._publisher, self._retries, now)
        if dialect == "sqlite":  # its one writer at a time does not wait for the broker
            rows = await self._database.ask(lambda it: it.execute(pages[dialect], parameters).mappings().all())
            await sending.send(rows)
            if rows:
                done = changes(dialect, sending.done, sending.failures)
                await self._database.commit(lambda it: [it.execute(*one) for one in done])
        else:
            async with self._database.write() as connection:
                await connection.execute(_PLAN_ANEW)
                rows = (await connection.execute(pages[dialect], parameters)).mappings().all()
                await sending.send(rows)
                for statement, values in changes(dialect, sending.done, sending.failures):
                    await connection.execute(statement, values)
        if sending.stopped is not None:
            raise sending.stopped
        return Turn(len(rows), len(sending.done))


_Row = Mapping[str, Any]
_Sent = tuple[OutboundMessage, list[_Row]]
"""A message, and the rows that ask for it."""


class _Sending:
    """One page on its way: `done` holds the ids of rows that the broker has, `failures` those that it will not take."""

    def __init__(self, publisher: Publisher, retries: Backoff, now: datetime) -> None:
        self._publisher, self._retries, self._now = publisher, retries, now
        self.done: list[str] = []
        self.failures: list[Failure] = []
        self.stopped: Unavailable | QueueFullError | None = None
        """Why the rest of the page was not even tried."""

    async def send(self, rows: Sequence[Any]) -> None:
        """Publish what can be published; rows with one and the same id are one job."""
        now: dict[str, _Sent] = {}
        later: list[_Sent] = []
        for row in rows:
            try:
                message = await self._message(row)
            except Exception as error:  # noqa: BLE001 - a row that nobody can make a message of holds up no other
                self._failed([row], error)
                continue
            if message.subject.startswith(wire.JOBS):
                now.setdefault(message.headers[wire.MSG_ID], (message, []))[1].append(row)
            else:
                later.append((message, [row]))
        await self._all_at_once(list(now.values()))
        if self.stopped is None:
            await self._singly(later)

    async def _message(self, row: _Row) -> OutboundMessage:
        """Return the message of a row, for now or for its time."""
        job_type, headers = wire.type_of(row["subject"]), dict(row["headers"])
        job_id, body, runs_at = headers.pop(wire.JOB_ID), bytes(row["body"]), row["not_before"]
        if runs_at is None or runs_at <= self._now:
            message, runs_at = outbound.job(job_type, job_id, body, headers), self._now
        else:
            message = outbound.scheduled(job_type, job_id, body, headers, runs_at)
        return await self._publisher.claimed(message, runs_at) if len(body) > wire.MAX_INLINE_BYTES else message

    async def _all_at_once(self, sent: Sequence[_Sent]) -> None:
        if not sent:
            return
        try:
            with self._publisher.sending([message for message, _ in sent]) as traced:
                await self._publisher.store_all(traced)
        except QueueFullError:
            await self._singly(sent[:_FIRST_OF_FULL])
            if self.stopped is None:
                await self._singly(sent[_FIRST_OF_FULL:])
        except BrokerRefusedError:  # the broker knows one of them, or will not have it: each gets its own answer
            await self._singly(sent)
        except Unavailable as away:
            self.stopped = away
        else:
            for _, rows in sent:
                self._stored(rows)

    async def _singly(self, sent: Sequence[_Sent]) -> None:
        if not sent:
            return
        with self._publisher.sending([message for message, _ in sent]) as traced:
            answers = await asyncio.gather(*map(self._publisher.store, traced), return_exceptions=True)
        for (_, rows), answer in zip(sent, answers, strict=True):
            match answer:
                case Unavailable() | QueueFullError():
                    self.stopped = answer
                case Exception():
                    self._failed(rows, answer)
                case BaseException():
                    raise answer
                case _:
                    self._stored(rows)

    def _stored(self, rows: Sequence[_Row]) -> None:
        self.done += [row["id"] for row in rows]

    def _failed(self, rows: Sequence[_Row], error: Exception) -> None:
        self.failures += [failure(row, error, self._now, self._retries) for row in rows]
