"""The inbox: which jobs are done. One row per job, written in the transaction of its effects.

The statements take a whole group as one parameter, whatever its size: a list of values would be rendered anew for
each group, and cost more than the database's own work. Being text, each names the table as its database does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ARRAY, CursorResult, Text, bindparam, text
from sqlalchemy.engine import Connection

from nightshift.database.tables import processed_messages
from nightshift.messaging.job import Job

Key = tuple[str, str, str]
"""Consumer, type and id of a job: its identity."""

_WHEN = bindparam("now", type_=processed_messages.c.processed_at.type)
_ENTER = {
    "sqlite": text(
        "INSERT INTO processed_messages (consumer, type, id, processed_at)"
        " SELECT :consumer, json_extract(value, '$[0]'), json_extract(value, '$[1]'), :now"
        " FROM json_each(:jobs) WHERE true"
        " ON CONFLICT DO NOTHING"
    ).bindparams(_WHEN),
    "postgresql": text(
        "INSERT INTO nightshift.processed_messages (consumer, type, id, processed_at)"
        " SELECT :consumer, job.type, job.id, :now FROM unnest(:types, :ids) AS job (type, id)"
        " ON CONFLICT DO NOTHING"
    ).bindparams(_WHEN, bindparam("types", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text))),
}
_DONE = {
    "sqlite": text(
        "SELECT done.type, done.id FROM json_each(:jobs) AS job CROSS JOIN processed_messages AS done"
        " WHERE done.consumer = :consumer AND done.type = json_extract(job.value, '$[0]')"
        " AND done.id = json_extract(job.value, '$[1]')"
    ),
    "postgresql": text(
        "SELECT done.type, done.id FROM unnest(:types, :ids) AS job (type, id)"
        " JOIN nightshift.processed_messages AS done"
        " ON done.consumer = :consumer AND done.type = job.type AND done.id = job.id"
    ).bindparams(bindparam("types", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(Text))),
}


def key_of(job: Job) -> Key:
    """The identity under which a job's effects happen once."""
    return job.service, job.type, job.key


def done(connection: Connection, keys: Sequence[Key]) -> set[Key]:
    """Tells which of the jobs, all of one consumer, are done already."""
    found = _execute(connection, _DONE, keys, {})
    return {(keys[0][0], job_type, job_id) for job_type, job_id in found}


def enter(connection: Connection, jobs: Sequence[Job], now: datetime) -> bool:
    """Writes the rows of jobs with distinct keys, all of one consumer; False when some were there already.

    In a transaction: another worker that commits the same job meanwhile makes this one wait, and then find its row.
    """
    keys = sorted(key_of(job) for job in jobs)  # all in one order, or two workers could wait for each other
    return _execute(connection, _ENTER, keys, {"now": now}).rowcount == len(keys)


def _execute(
    connection: Connection, statements: Mapping[str, Any], keys: Sequence[Key], also: Mapping[str, Any]
) -> CursorResult[str, str]:
    if connection.dialect.name == "sqlite":
        jobs: dict[str, Any] = {"jobs": msgspec.json.encode([key[1:] for key in keys]).decode()}
    else:
        jobs = {"types": [key[1] for key in keys], "ids": [key[2] for key in keys]}
    return connection.execute(statements[connection.dialect.name], {"consumer": keys[0][0], **jobs, **also})
