"""The inbox row of a job in its handler's own transaction: for effects by Django's ORM or a synchronous session."""

import time

from nightshift.instants import rfc3339, utc_now
from nightshift.messaging.job import Job
from nightshift.messaging.own_transaction import OwnTransaction, statements_in
from nightshift.outcomes import Skip


def record_done(connection: OwnTransaction, job: Job, *, schema: str | None = None) -> None:
    """Record within the caller's transaction that the job is done: its effects there happen exactly once.

    `connection` and `schema` are as in `nightshift.enqueue`; the database is the one of DATABASE_URL. Another worker
    that commits the same job meanwhile makes this one wait. Follow-up jobs are enqueued in the same transaction, too,
    by `nightshift.enqueue`; `job.write` and `job.enqueue` would come too late.

    Raises:
        Skip: the job was done before; let it pass, so that the transaction is rolled back.
        RuntimeError: the job has effects already that the worker would have to commit.
    """
    if job.writes or job.steps or job.follow_ups:
        raise RuntimeError(
            f"{job.type}: record_done stands before job.write and job.enqueue, which are for the worker's commit"
        )
    own = statements_in(connection, schema, "record_done")
    took_ms = round((time.perf_counter() - job.started_at) * 1000) if job.started_at else None
    now = rfc3339(utc_now(), "microseconds")
    if own.dialect == "sqlite":
        now = now.replace("T", " ").removesuffix("Z")
    found = own.run(
        f"INSERT INTO {own.table('processed_messages')}"  # noqa: S608 - a checked name
        " (consumer, type, id, processed_at, attempt, took_ms, tenant, result) VALUES (:consumer, :type, :id,"
        f" {own.cast(':now', 'timestamptz')}, :attempt, :took_ms, :tenant, :result) ON CONFLICT DO NOTHING",
        {
            "consumer": job.service,
            "type": job.type,
            "id": job.key,
            "now": now,
            "attempt": job.attempt,
            "took_ms": took_ms,
            "tenant": job.tenant,
            "result": job.result_json,
        },
    )
    if not found.count:
        raise Skip("it was done before")
    job.recorded = True
