"""A job in flight: which job a delivery is, its timer, and how it ended."""

import asyncio
import re
import time
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from nightshift.broker.delivery import Delivery
from nightshift.broker.headers import UNREADABLE, Headers
from nightshift.broker.message import StoredMessage
from nightshift.contract import wire
from nightshift.messaging.job import Job, Progress
from nightshift.messaging.tracing import NO_TRACING, JobSpan, trace_id_in
from nightshift.worker.router import NO_ROUTE, Route
from nightshift.worker.verdict import DONE, Ack, Verdict

ISOLATE_AFTER = 3
"""From this unaccounted delivery on a job runs alone in its process: it may be what kills the others' worker."""
_TYPE = re.compile(r"[a-z0-9_-]{1,60}(\.[a-z0-9_-]{1,60}){1,4}", re.IGNORECASE)
_ATTEMPTS = re.compile(r"\d{1,6}")
_READ = frozenset({wire.JOB_ID, wire.MSG_ID, wire.ATTEMPT_BASE, wire.CLAIM, wire.TENANT, wire.TRACEPARENT})
_TRACE = rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}"
_PLAIN = re.compile(
    rb"NATS/1\.0\r\n(?:traceparent: (%b)\r\n)?"
    rb"Job-Id: ([A-Za-z0-9_-]{1,200})\r\nNats-Msg-Id: .+\r\n"
    rb"(?:traceparent: (%b)\r\n)?(?:Nats-Batch-(?:Id|Sequence|Commit): .+\r\n)*\r\n" % (_TRACE, _TRACE)
)
"""The headers of most jobs, as our publishers write them: not decoded. `.` costs half of a set of characters."""
_SUBJECTS_REMEMBERED = 256
"""A service has few; what others type is parsed anew when this is full."""


class Malformed(NamedTuple):
    """Why a delivery can be no job at all: what its dead letter says."""

    reason: wire.Reason
    text: str


class InFlightJob(msgspec.Struct, eq=False):
    """A delivery, the job that it is, and all that the steps of its life find out about it.

    Times are monotonic seconds.
    """

    delivery: Delivery
    job: Job
    is_event: bool = False
    malformed: Malformed | None = None
    """None when it may be a job."""
    trace_id: str = ""
    claim: str | None = None
    """The object that holds its body, where the message does not."""
    unaccounted_deliveries: int = 1
    """Deliveries, this one included, whose end nobody reported: their worker died, or lost the broker."""
    route: Route = NO_ROUTE
    message: Any = None
    ending: Ack = DONE
    """How the delivery ends if no step ends it before."""
    verdict: Verdict | None = None
    """How it ended; None until then."""
    marked: bool = False
    """Its start is recorded: should nobody hear of its end, it kills its workers."""
    holds_lock: bool = False
    last_told: Progress | None = None
    """What was last told of it to whoever watches; the object that `job.told` was."""
    span: JobSpan = NO_TRACING
    started_at: float = 0.0
    progress_at: float = msgspec.field(default_factory=time.monotonic)
    task: asyncio.Task[Any] | None = None
    timeout_seconds: float = 0.0
    deadline: float | None = None
    timed_out: bool = False
    released: bool = False
    stopped: bool = False
    """Somebody has cancelled it: it does not run again."""
    nakked: bool = False

    @property
    def must_run_alone(self) -> bool:
        """Whether it may be what kills its worker. An event's handler does no work, and a retry is a delivery."""
        return self.unaccounted_deliveries >= ISOLATE_AFTER and not self.is_event

    def start_timer(self, timeout_seconds: float) -> None:
        """Start the time that the handler has."""
        self.timeout_seconds = timeout_seconds
        self.deadline = time.monotonic() + timeout_seconds

    def stop_timer(self) -> None:
        """Stop the timer; a cancellation that it, `release` or `stop` has caused is over, too."""
        self.deadline = None
        if self.timed_out or self.released or self.stopped:
            self._uncancel()

    @property
    def cancelled(self) -> bool:
        """Whether anybody wanted the handler to end; if not, it was cancelled by something that it awaited."""
        return self.task is not None and self.task.cancelling() > 0

    def _uncancel(self) -> None:
        # A handler that swallowed its cancellation was cancelled more than once.
        while self.task is not None and self.task.uncancel():
            pass

    def tick(self, now: float, progress_seconds: float) -> None:
        """Tell the broker at intervals that the work goes on, and cancel a handler whose time is over."""
        if now - self.progress_at >= progress_seconds:
            self.progress_at = now
            self.delivery.progress()
        if self.deadline is not None and now > self.deadline and self.task is not None:
            self.timed_out = True
            self.task.cancel()

    def nak(self, delay: timedelta) -> None:
        """Let the broker deliver it again; the worker remembers this, so that it is not counted as a crash."""
        self.nakked = True
        self.delivery.nak(delay)

    def release(self) -> None:
        """Cancel the handler, so that another worker takes the job."""
        if self.deadline is not None and self.task is not None:
            self.released = True
            self.task.cancel()

    def stop(self) -> None:
        """Cancel the job; its handler once, whoever asks again: it may be giving back what it holds."""
        first, self.stopped = not self.stopped, True
        if first and self.job.started_at and self.deadline is not None and self.task is not None:
            self.task.cancel()


def identify(service: str, delivery: Delivery, known_naks: int = 0) -> InFlightJob:
    """Return the job that a delivery is. Never fails, whatever was typed.

    `known_naks` are earlier deliveries of which this worker knows that they ended in good order.
    """
    return InFlightJob(delivery, *_read(service, delivery, delivery.delivered), delivery.delivered - known_naks)


def job_of(service: str, message: StoredMessage) -> Job:
    """Return the job that a stored message is, which nobody delivers. Never fails, whatever was typed."""
    return _read(service, message, 1)[0]


def _read(service: str, message: StoredMessage, delivered: int) -> tuple[Job, bool, Malformed | None, str, str | None]:
    """Read type, id, attempt, trace and claim from subject and headers; an event counts its deliveries as attempts."""
    job_type, is_event, malformed = _type(service, message.subject)
    plain = _PLAIN.fullmatch(message.header_block)
    if plain is not None:
        before, before_id, token, after, after_id = plain.groups()
        job_id = token.decode()
        job = Job(service, job_type, job_id, job_id, delivered if is_event else 1)
        if before is None and after is None:
            return job, is_event, malformed, "", None
        job.trace = {wire.TRACEPARENT: (before or after).decode()}
        return job, is_event, malformed, (before_id or after_id).decode(), None
    headers = message.headers
    if not headers:
        origin = message.origin()
        job = Job(service, job_type, origin, wire.safe_token(origin), delivered if is_event else 1)
        return job, is_event, malformed, "", None
    job_id = headers.get(wire.JOB_ID) or headers.get(wire.MSG_ID) or message.origin()
    base, wrong = _attempt_base(headers)
    storable = wire.storable_id(job_id)
    job = Job(service, job_type, storable, wire.safe_token(job_id), delivered if is_event else base + 1)
    if storable != job_id:
        job.published_id = job_id
    if (tenant := headers.get(wire.TENANT)) is not None:
        job.tenant = wire.storable_id(tenant)
    wrong = wrong or _mistyped(headers)
    trace, claim = headers.get(wire.TRACEPARENT), headers.get(wire.CLAIM)
    if trace is None or not (trace_id := trace_id_in(trace)):
        return job, is_event, wrong or malformed, "", claim
    job.trace = {wire.TRACEPARENT: trace}
    return job, is_event, wrong or malformed, trace_id, claim


def _attempt_base(headers: Headers) -> tuple[int, Malformed | None]:
    """Return the attempts used before this copy, and why the headers are no job's where they are none."""
    text = headers.get(wire.ATTEMPT_BASE)
    if text is None and UNREADABLE not in headers:
        return 0, None
    text = "0" if text is None else text
    base = int(text) if _ATTEMPTS.fullmatch(text) else None
    if UNREADABLE in headers:
        return base or 0, Malformed("invalid", f"the message's headers cannot be read: {headers[UNREADABLE]}")
    if base is None:
        wrong = f"the header {wire.ATTEMPT_BASE} is {text[:40]!r}, expected a whole number"
        return 0, Malformed("invalid", wrong)
    return base, None


def _mistyped(headers: Headers) -> Malformed | None:
    """Refuse a job whose headers are almost ours: read as somebody else's, they would say nothing, unnoticed.

    A copy of such a job has the right ones beside them, and so does whoever means something else by these.
    """
    for name in headers:
        if name not in _READ and (meant := wire.meant_header(name)) and meant not in headers:
            if meant == wire.MSG_ID and wire.JOB_ID in headers:  # which is the identity
                continue
            return Malformed("invalid", f"the header {name!r} is not read: write {meant!r}")
    return None


@lru_cache(_SUBJECTS_REMEMBERED)
def _type(service: str, subject: str) -> tuple[str, bool, Malformed | None]:
    """Return the type that a subject names, or a valid placeholder for one that can never exist."""
    job_type = wire.type_of(subject)
    if _TYPE.fullmatch(job_type):
        return job_type, wire.is_event(job_type), None
    prefix = "cron" if subject.startswith(wire.CRON) else service
    readable = subject[:100].encode("unicode_escape").decode()
    placeholder = f"{prefix}.{wire.safe_token(subject)}"
    malformed = Malformed("unknown-type", f"the subject {readable} names no job type")
    return placeholder, wire.is_event(placeholder), malformed
