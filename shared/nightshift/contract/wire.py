"""Names on the wire: subjects, streams, headers, reasons and limits."""

import hashlib
import re
from datetime import timedelta
from functools import lru_cache
from typing import Literal, get_args

JOB_ID = "Job-Id"
ATTEMPT_BASE = "Job-Attempt-Base"
CLAIM = "Job-Claim"
TENANT = "Job-Tenant"
TRACEPARENT = "traceparent"
MSG_ID = "Nats-Msg-Id"
BATCH_ID, BATCH_SEQUENCE, BATCH_COMMIT = "Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"

DEAD_PREFIX = "Dead-"
DEAD_REASON = "Dead-Reason"
DEAD_ERROR = "Dead-Error"
DEAD_ATTEMPTS = "Dead-Attempts"
DEAD_SUBJECT = "Dead-Subject"
DEAD_STREAM = "Dead-Stream"
DEAD_SEQUENCE = "Dead-Sequence"
DEAD_TIME = "Dead-Time"

Reason = Literal["invalid", "unknown-type", "permanent", "attempts-exhausted", "crash-loop", "cancelled"]
REASONS: tuple[Reason, ...] = get_args(Reason)

BROKER_PREFIX = "nats-"
"""Headers with this prefix, in any case, are instructions to the broker: copies of a message never have them."""

JOBS = "jobs."
DUE = "due."
CRON = "cron."
EVENTS = "events."
AUDIT = "audit."
MANUAL = ".manual"

RESERVED_SERVICES = {
    "audit": "is that of the stream of what people did",
    "console": "is that of the process that shows what is wrong",
    "cron": "is that of the stream of schedules",
    "events": "is that of the stream of what workers tell",
    "gateway": "is that of the process that takes requests over HTTP",
    "operator": "is that of a user of the broker",
    "producer": "is that of a user of the broker",
    "scheduler": "is that of the process that announces schedules",
}
"""First tokens that no job type may have, and why: streams, consumers and users are named after services."""

MAX_MESSAGE_BYTES = 512 * 1024
"""Headers and body of a job together; the broker refuses more."""
MAX_INLINE_BYTES = 128 * 1024
"""A longer body travels by claim check."""
MAX_ID_BYTES = 200
CLAIM_LIFETIME = timedelta(days=45)

MAX_STORABLE_ID_BYTES = 500
"""Longer ids do not fit into every database's index beside other columns (PostgreSQL: 2,704 bytes in all)."""

_MEANT = {name.replace("-", "").lower(): name for name in (JOB_ID, ATTEMPT_BASE, CLAIM, TENANT, MSG_ID)}
_SAFE_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_BYTES}}}")


def safe_token(job_id: str) -> str:
    """Return the id as a subject token or key: itself, or `~` and its SHA-256 if it does not fit."""
    if _SAFE_TOKEN.fullmatch(job_id):
        return job_id
    return "~" + hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()


def storable_id(job_id: str) -> str:
    """Return the id as every database accepts it: itself, or its safe token if it is too long or not plain text.

    Bytes that are not UTF-8 arrive as lone surrogates, which SQLite refuses; PostgreSQL refuses NUL.
    """
    if job_id.isprintable() and len(job_id.encode("utf-8", "surrogatepass")) <= MAX_STORABLE_ID_BYTES:
        return job_id
    return safe_token(job_id)


@lru_cache(512)
def meant_header(name: str) -> str | None:
    """Return the header of ours that a name differs from by nothing but case, separators or a leading `X-`."""
    letters = name.replace("-", "").replace("_", "").lower()
    meant = _MEANT.get(letters) or _MEANT.get(letters.removeprefix("x"))
    return None if meant == name else meant


def is_event(job_type: str) -> bool:
    """Return whether the type is that of a schedule's event (`cron.cleanup.daily`) and not of a job."""
    return job_type.startswith(CRON)


def service_of(job_type: str) -> str:
    """Return the service that handles a job type: its first token."""
    return job_type.partition(".")[0]


def job_subject(job_type: str) -> str:
    """Return the subject of jobs of this type that are to be run now; of an event, that of a run by hand."""
    return job_type + MANUAL if is_event(job_type) else f"jobs.{job_type}"


def later_subject(job_type: str, job_id: str) -> str:
    """Return the subject of a scheduled job; there is one for each job."""
    return f"later.{job_type}.{safe_token(job_id)}"


def due_subject(job_type: str) -> str:
    """Return the subject on which the broker publishes a scheduled job when it is due."""
    return f"due.{job_type}"


def events_subject(service: str) -> str:
    """Return the subject on which a service's workers tell what becomes of its jobs."""
    return EVENTS + service


def audit_subject(part: str) -> str:
    """Return the subject on which a part (`cli`, `console`, `gateway`) records what people do by it."""
    return AUDIT + part


def dead_subject(job_type: str) -> str:
    """Return the subject of dead letters of this type."""
    return f"dead.{job_type}"


def type_of(subject: str) -> str:
    """Return the job type of a message on `jobs.`, `due.` or `cron.`; empty if the subject names none."""
    if subject.startswith(CRON):
        return subject.removesuffix(MANUAL)
    return subject.partition(".")[2]
