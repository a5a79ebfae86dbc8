"""Jobs in the caller's own transaction: they exist if and only if it commits, and no broker is asked.

A job is a row of the outbox, as any program may write it by SQL (docs/enqueue-by-sql.md). The database checks it there,
and the relay of its service publishes it after the commit.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from nightshift.contract import wire
from nightshift.contract.message import Message
from nightshift.instants import rfc3339
from nightshift.messaging import outbound
from nightshift.messaging.own_transaction import OwnTransaction, statements_in
from nightshift.messaging.publish_arguments import checked_headers, checked_type, new_job_id, run_time


def enqueue(
    connection: OwnTransaction,
    message: Message,
    *,
    job_id: str | None = None,
    at: datetime | None = None,
    delay: timedelta | None = None,
    tenant: str | None = None,
    headers: Mapping[str, str] | None = None,
    schema: str | None = None,
) -> str:
    """Write a job into the outbox within the caller's transaction; return its id.

    `connection` is a connection or session of SQLAlchemy (of an asynchronous one:
    `await session.run_sync(enqueue, message)`), a cursor or connection of Django, psycopg or sqlite3. Nothing is
    committed here. `job_id` is the job's idempotency key, `at` (aware) or `delay` says when it is to run. `schema` is
    where Nightshift's tables are, if not in `nightshift`.

    Raises:
        TypeError: the connection is none of these.
        ValueError: id, headers or time cannot be those of a job.
        msgspec.ValidationError: the message breaks its contract.
        JobTooLargeError: it could never be sent.
    """
    own = statements_in(connection, schema, "enqueue")
    job_type, job_id = checked_type(message.TYPE), job_id or new_job_id()
    runs_at = None if at is None and delay is None else run_time(at, delay)
    given = {**outbound.with_tenant(checked_headers(headers), tenant), wire.JOB_ID: job_id}
    body = outbound.encode(message)
    outbound.check(outbound.job(job_type, job_id, body, given))
    own.run(
        f"INSERT INTO {own.table('outbox')} (subject, body, headers, not_before)"  # noqa: S608 - a checked name
        f" VALUES (:subject, :body, {own.cast(':headers', 'jsonb')}, {own.cast(':runs_at', 'timestamptz')})",
        {
            "subject": wire.job_subject(job_type),
            "body": body,
            "headers": msgspec.json.encode(given).decode(),
            "runs_at": None if runs_at is None else rfc3339(runs_at, "microseconds"),
        },
    )
    return job_id


def cancel_enqueued(
    connection: OwnTransaction, message: type[Message] | str, job_id: str, *, schema: str | None = None
) -> bool:
    """Take a job out of the outbox again, within the caller's transaction; return whether it was still there.

    `message` is its class or its type. False: the broker has it by now, where `Publisher.cancel` takes back what waits
    for its time; or there is none.

    Raises:
        TypeError: the connection is none.
    """
    own = statements_in(connection, schema, "cancel_enqueued")
    job_type = checked_type(message if isinstance(message, str) else message.TYPE)
    found = own.run(
        f"DELETE FROM {own.table('outbox')} WHERE consumer = '' AND subject = :subject"  # noqa: S608 - a checked name
        f" AND {own.json_text('headers', wire.JOB_ID)} = :job_id",
        {"subject": wire.job_subject(job_type), "job_id": job_id},
    )
    return found.count > 0
