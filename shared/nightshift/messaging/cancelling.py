"""Cancels a job that no worker has in its hands, in the database alone.

Its inbox row is written as that of a job that has ended: whoever is given the job later finds the row and does nothing.
The row's primary key decides between a cancel and a commit that come at the same time, so it is one or the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, false, select
from sqlalchemy.dialects import postgresql, sqlite

from nightshift.contract import wire
from nightshift.database.tables import JOB_ID_IN_HEADERS, processed_messages
from nightshift.database.tables import outbox as table
from nightshift.messaging.ledger import CANCELLED, LedgerEntry, find_in

_ENTER = {
    "sqlite": sqlite.insert(processed_messages).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(processed_messages).on_conflict_do_nothing(),
}


def cancel_in(connection: Connection, job_type: str, job_id: str, now: datetime) -> LedgerEntry:
    """Cancel a job for good; return how it has ended, which is another way if its effects were committed before."""
    row: dict[str, Any] = {
        "consumer": wire.service_of(job_type),
        "type": job_type,
        "id": wire.safe_token(job_id),
        "processed_at": now,
        "outcome": CANCELLED,
    }
    connection.execute(_ENTER[connection.dialect.name], row)
    ended = find_in(connection, job_type, job_id)
    if ended is None:  # retention has removed the other row between the two statements
        raise LookupError(f"{job_type} {job_id} has just left the ledger: cancel it again")
    return ended


def is_in_outbox(connection: Connection, job_type: str, job_id: str) -> bool:
    """Return whether a job that no other job has enqueued waits in the outbox: by SQL, or while the broker is away."""
    return bool(which_in_outbox(connection, [(job_type, job_id)]))


def which_in_outbox(connection: Connection, jobs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return of which of these types and ids `is_in_outbox` holds, by one query."""
    if not jobs:
        return set()
    rows = connection.execute(select(table.c.subject, JOB_ID_IN_HEADERS).where(_of_jobs(jobs)))
    found = {(subject, job_id) for subject, job_id in rows}
    return {job for job in jobs if any((subject, job[1]) in found for subject in _subjects(*job))}


def take_out_of_outbox(connection: Connection, job_type: str, job_id: str, now: datetime) -> bool:
    """Remove such a job, and cancel it for good: its relay may be publishing it. Return False where there is none."""
    if not connection.execute(delete(table).where(_of_jobs([(job_type, job_id)]))).rowcount:
        return False
    cancel_in(connection, job_type, job_id, now)
    return True


def _of_jobs(jobs: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    storable = [job for job in jobs if _can_be_held(job[1])]
    if not storable:
        return false()
    ids = sorted({job_id for _, job_id in storable})
    subjects = sorted({subject for job in storable for subject in _subjects(*job)})
    return and_(table.c.type.is_(None), JOB_ID_IN_HEADERS.in_(ids), table.c.subject.in_(subjects))


def _can_be_held(job_id: str) -> bool:
    """Return whether a database can hold such a text."""
    return "\0" not in job_id and (job_id.isascii() or job_id == job_id.encode(errors="replace").decode())


def _subjects(job_type: str, job_id: str) -> tuple[str, str]:
    return wire.job_subject(job_type), wire.later_subject(job_type, job_id)
