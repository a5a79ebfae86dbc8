"""Says which job a delivery is: its type, its id, the attempt in hand. Never fails, whatever was typed."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nightshift.broker.headers import UNREADABLE
from nightshift.broker.message import StoredMessage
from nightshift.contract import wire
from nightshift.messaging.job import Job

_TYPE = re.compile(r"[a-z0-9_-]{1,60}(\.[a-z0-9_-]{1,60}){1,4}", re.IGNORECASE)
_ATTEMPTS = re.compile(r"\d{1,6}")
_SUBJECTS_REMEMBERED = 256
"""A service has few; what others type is read anew when this is full."""
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Malformed(NamedTuple):
    """Why a delivery can be no job at all: what its dead letter says."""

    reason: wire.Reason
    text: str


@dataclass(slots=True)
class Identity:
    """Who a delivery is; not to be changed, though freezing it would cost 2 µs for each job."""

    job: Job
    event: bool
    malformed: Malformed | None = None
    """None when it may be a job."""
    trace_id: str = ""


def identify(service: str, message: StoredMessage, delivered: int = 1) -> Identity:
    """Read type, id, attempt and trace from subject and headers; an event counts its deliveries instead."""
    headers = message.headers
    job_type, malformed = _type(service, message.subject)
    event = wire.is_event(job_type)
    if not headers:
        attempt = delivered if event else 1
        origin = message.origin()
        return Identity(Job(service, job_type, origin, wire.safe_token(origin), attempt), event, malformed)
    job_id = headers.get(wire.JOB_ID) or headers.get(wire.MSG_ID) or message.origin()
    base = headers.get(wire.ATTEMPT_BASE)
    if UNREADABLE in headers:
        malformed = Malformed("invalid", f"the message's headers cannot be read: {headers[UNREADABLE]}")
    elif base is not None and not _ATTEMPTS.fullmatch(base):
        text = f"the header {wire.ATTEMPT_BASE} is {base[:40]!r}, expected a whole number"
        malformed, base = Malformed("invalid", text), None
    attempt = delivered if event else int(base or 0) + 1
    job = Job(service, job_type, job_id, wire.safe_token(job_id), attempt)
    trace = headers.get(wire.TRACEPARENT)
    if trace is None or (match := _TRACE.fullmatch(trace)) is None:
        return Identity(job, event, malformed)
    job.trace = {wire.TRACEPARENT: trace}
    return Identity(job, event, malformed, match[1])


@lru_cache(_SUBJECTS_REMEMBERED)
def _type(service: str, subject: str) -> tuple[str, Malformed | None]:
    """The type a subject names; one that can never exist gets a stand-in that is fit for a subject."""
    job_type = wire.type_of(subject)
    if _TYPE.fullmatch(job_type):
        return job_type, None
    prefix = "cron" if subject.startswith(wire.CRON) else service
    readable = subject[:100].encode("unicode_escape").decode()
    stand_in = f"{prefix}.{wire.safe_token(subject)}"
    return stand_in, Malformed("unknown-type", f"the subject {readable} names no job type")
