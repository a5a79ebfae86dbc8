"""For an application's tests: Nightshift's tables in their database, and what the application has enqueued there."""

from datetime import UTC, datetime

import msgspec

from nightshift.contract import wire
from nightshift.contract.message import Message
from nightshift.database import migrate
from nightshift.database.migrations import NO_PACKAGE
from nightshift.database.producers import let_producers
from nightshift.messaging.in_memory import PublishedJob
from nightshift.messaging.own_transaction import OwnTransaction, statements_in


async def add_tables(url: str, *messages: type[Message]) -> None:
    """Add Nightshift's own tables to a test's database, and let these messages be enqueued there.

    They stay beside the application's tables, as `nightshift provision` makes them. `url` is `postgresql://…` or
    `sqlite:////folder/file.db`: a database in memory is seen by nobody else.
    """
    await migrate(url, NO_PACKAGE)
    await let_producers(url, [message.TYPE for message in messages], notify=False)


def enqueued_jobs(connection: OwnTransaction, *, schema: str | None = None) -> list[PublishedJob]:
    """Return the jobs that were enqueued and that this transaction sees in the outbox, the oldest first.

    `connection` and `schema` are as in `nightshift.enqueue`; with an asynchronous one of SQLAlchemy:
    `await session.run_sync(enqueued_jobs)`.
    """
    own = statements_in(connection, schema, "enqueued_jobs")
    found = own.run(
        f"SELECT subject, body, {own.cast('headers', 'text')}, not_before FROM {own.table('outbox')}"  # noqa: S608 - checked
        f" WHERE consumer = '' ORDER BY created_at, {own.row_order}",
        {},
    )
    return [_enqueued(*row) for row in found.rows]


def _enqueued(subject: str, body: bytes, headers: str, not_before: datetime | str | None) -> PublishedJob:
    known: dict[str, str] = msgspec.json.decode(headers)
    # SQLite has text, in UTC.
    at = datetime.fromisoformat(not_before).replace(tzinfo=UTC) if isinstance(not_before, str) else not_before
    return PublishedJob(wire.type_of(subject), known[wire.JOB_ID], subject, bytes(body), known, at)
