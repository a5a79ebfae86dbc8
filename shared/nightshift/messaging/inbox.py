"""The inbox: which jobs are done, and the ledger of them. One row per job, written in the transaction of its effects.

The statements take a whole group as one parameter, whatever its size: a list of values would be rendered anew for
each group, and cost more than the database's own work. Being text, each names the table as its database does.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ARRAY, CursorResult, Integer, Text, TextClause, bindparam, text
from sqlalchemy.engine import Connection

from nightshift.database.library_schema import schema_of
from nightshift.database.tables import processed_messages
from nightshift.messaging.job import Job

Key = tuple[str, str, str]
"""Consumer, type and id of a job: its identity."""

_WHEN = bindparam("now", type_=processed_messages.c.processed_at.type)
_COLUMNS: Mapping[str, type[Text | Integer]] = {
    "types": Text,
    "ids": Text,
    "attempts": Integer,
    "took_ms": Integer,
    "outcomes": Text,
    "tenants": Text,
    "results": Text,
}
"""The parameters of a group, in the order of `_row`."""
_ENTER_ON_SQLITE = text(
    "INSERT INTO processed_messages (consumer, type, id, processed_at, attempt, took_ms, outcome, tenant, result)"
    " SELECT :consumer, value ->> 0, value ->> 1, :now, value ->> 2, value ->> 3, value ->> 4, value ->> 5,"
    " value ->> 6 FROM json_each(:jobs) WHERE true"
    " ON CONFLICT DO NOTHING"
).bindparams(_WHEN)
_DONE_ON_SQLITE = text(
    "SELECT done.type, done.id FROM json_each(:jobs) AS job CROSS JOIN processed_messages AS done"
    " WHERE done.consumer = :consumer AND done.type = json_extract(job.value, '$[0]')"
    " AND done.id = json_extract(job.value, '$[1]')"
)


@functools.cache
def _enter_on_postgres(schema: str) -> TextClause:
    return text(
        f"INSERT INTO {schema}.processed_messages"  # noqa: S608 - a checked name
        " (consumer, type, id, processed_at, attempt, took_ms, outcome, tenant, result)"
        " SELECT :consumer, job.type, job.id, :now, job.attempt, job.took_ms, job.outcome, job.tenant, job.result"
        " FROM unnest(:types, :ids, :attempts, :took_ms, :outcomes, :tenants, :results)"
        " AS job (type, id, attempt, took_ms, outcome, tenant, result) ON CONFLICT DO NOTHING"
    ).bindparams(_WHEN, *(bindparam(name, type_=ARRAY(kind)) for name, kind in _COLUMNS.items()))


@functools.cache
def _done_on_postgres(schema: str) -> TextClause:
    return text(
        # The limit keeps PostgreSQL from reading the whole table for a group, which it takes for a small one.
        "SELECT job.type, job.id FROM unnest(:types, :ids) AS job (type, id)"  # noqa: S608 - a checked name
        f" CROSS JOIN LATERAL (SELECT FROM {schema}.processed_messages AS done"
        " WHERE done.consumer = :consumer AND done.type = job.type AND done.id = job.id LIMIT 1) AS found"
    ).bindparams(bindparam("types", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text)))


def key_of(job: Job) -> Key:
    """The identity under which a job's effects happen once."""
    return job.service, job.type, job.key


def done(connection: Connection, keys: Sequence[Key]) -> set[Key]:
    """Tells which of the jobs, all of one consumer, are done already."""
    found = _execute(connection, (_DONE_ON_SQLITE, _done_on_postgres), keys[0][0], [key[1:] for key in keys], {})
    return {(keys[0][0], job_type, job_id) for job_type, job_id in found}


def enter(connection: Connection, jobs: Sequence[Job], now: datetime) -> bool:
    """Writes the rows of jobs with distinct keys, all of one consumer; False when some were there already.

    In a transaction: another worker that commits the same job meanwhile makes this one wait, and then find its row.
    """
    clock = time.perf_counter()
    rows = sorted(_row(job, clock) for job in jobs)  # all in one order, or two workers could wait for each other
    statements = (_ENTER_ON_SQLITE, _enter_on_postgres)
    return _execute(connection, statements, jobs[0].service, rows, {"now": now}).rowcount == len(rows)


def _row(job: Job, clock: float) -> tuple[Any, ...]:
    took_ms = round((clock - job.started_at) * 1000) if job.started_at else None
    return job.type, job.key, job.attempt, took_ms, job.outcome, job.tenant, job.result_json


def _execute(
    connection: Connection,
    statements: tuple[TextClause, Callable[[str], TextClause]],
    consumer: str,
    rows: Sequence[tuple[Any, ...]],
    also: Mapping[str, Any],
) -> CursorResult[str, str]:
    on_sqlite, on_postgres = statements
    if connection.dialect.name == "sqlite":
        jobs: dict[str, Any] = {"jobs": msgspec.json.encode(rows).decode()}
        return connection.execute(on_sqlite, {"consumer": consumer, **jobs, **also})
    jobs = dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=False))
    return connection.execute(on_postgres(schema_of(connection)), {"consumer": consumer, **jobs, **also})
