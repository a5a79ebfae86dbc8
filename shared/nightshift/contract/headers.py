"""The headers of each kind of message: their names, patterns and meaning."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from nightshift.contract import wire
from nightshift.contract.constraints import END, pattern
from nightshift.contract.header_values import (
    AttemptBase,
    Attempts,
    BatchCommit,
    BatchId,
    BatchSequence,
    Claim,
    Error,
    JobId,
    MsgId,
    Reason,
    Tenant,
    Trace,
)

_TIME = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]{{1,9}})?Z{END}"
_TYPE = r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+"


class Headers(msgspec.Struct, frozen=True, kw_only=True):
    """Headers of any message. Unknown ones travel along unread, but for those that begin with `Nats-`.

    A job with one that is almost one of these (`job-id`, `JobId`, `X-Job-Id`) is a dead letter that says so.
    """

    traceparent: Trace | UnsetType = msgspec.field(default=UNSET, name=wire.TRACEPARENT)


class JobHeaders(Headers, frozen=True, kw_only=True):
    """Headers of a job to be run now, `jobs.<type>`: all optional."""

    job_id: JobId | UnsetType = msgspec.field(default=UNSET, name=wire.JOB_ID)
    msg_id: MsgId | UnsetType = msgspec.field(default=UNSET, name=wire.MSG_ID)
    attempt_base: AttemptBase | UnsetType = msgspec.field(default=UNSET, name=wire.ATTEMPT_BASE)
    claim: Claim | UnsetType = msgspec.field(default=UNSET, name=wire.CLAIM)
    tenant: Tenant | UnsetType = msgspec.field(default=UNSET, name=wire.TENANT)
    batch_id: BatchId | UnsetType = msgspec.field(default=UNSET, name=wire.BATCH_ID)
    batch_sequence: BatchSequence | UnsetType = msgspec.field(default=UNSET, name=wire.BATCH_SEQUENCE)
    batch_commit: BatchCommit | UnsetType = msgspec.field(default=UNSET, name=wire.BATCH_COMMIT)


class LaterHeaders(JobHeaders, frozen=True, kw_only=True):
    """Headers of a scheduled job, `later.<type>.<job id>`."""

    schedule: Annotated[
        str,
        pattern(
            rf"^@at {_TIME}",
            "'@at <RFC 3339 in UTC>'",
            description="When it is due: a one-time schedule of the broker's.",
            examples=["@at 2026-07-25T06:00:00Z"],
        ),
    ] = msgspec.field(name="Nats-Schedule")
    target: Annotated[
        str,
        pattern(
            rf"^due\.{_TYPE}{END}",
            "due.<type>",
            description="Where the broker puts it then: `due.<type>`, of the same stream.",
            examples=["due.email.send"],
        ),
    ] = msgspec.field(name="Nats-Schedule-Target")
    dead_reason: Reason | UnsetType = msgspec.field(default=UNSET, name=wire.DEAD_REASON)
    dead_error: Error | UnsetType = msgspec.field(default=UNSET, name=wire.DEAD_ERROR)
    dead_attempts: Attempts | UnsetType = msgspec.field(default=UNSET, name=wire.DEAD_ATTEMPTS)


class DueHeaders(JobHeaders, frozen=True, kw_only=True):
    """Headers of a job that is due, `due.<type>`: those from `later.`, and two of the broker's own."""

    scheduler: Annotated[str, Meta(description="Subject of the schedule that it comes from, set by the broker.")] = (
        msgspec.field(name="Nats-Scheduler")
    )
    next: Annotated[str, Meta(description="`purge`: the schedule is gone, set by the broker.", examples=["purge"])] = (
        msgspec.field(name="Nats-Schedule-Next")
    )


class DeadLetterHeaders(Headers, frozen=True, kw_only=True):
    """Headers of a dead letter, `dead.<type>`: all of the job's own, and why it was given up on."""

    job_id: JobId = msgspec.field(name=wire.JOB_ID)
    msg_id: Annotated[
        str,
        pattern(
            rf"^dead:[A-Z0-9_-]+:[0-9]+:[0-9]+{END}",
            "dead:<stream>:<sequence>:<ns>",
            description="Names the delivery that it comes from, so that one delivery has one dead letter.",
        ),
    ] = msgspec.field(name=wire.MSG_ID)
    attempt_base: str | UnsetType = msgspec.field(default=UNSET, name=wire.ATTEMPT_BASE)
    claim: str | UnsetType = msgspec.field(default=UNSET, name=wire.CLAIM)
    tenant: Tenant | UnsetType = msgspec.field(default=UNSET, name=wire.TENANT)
    reason: Reason = msgspec.field(name=wire.DEAD_REASON)
    error: Error = msgspec.field(name=wire.DEAD_ERROR)
    attempts: Attempts = msgspec.field(name=wire.DEAD_ATTEMPTS)
    subject: Annotated[
        str, pattern(rf"^[ -~]+{END}", "one line of ASCII", description="Subject to publish it on again.")
    ] = msgspec.field(name=wire.DEAD_SUBJECT)
    stream: Annotated[str, Meta(min_length=1, description="Stream that held it.")] = msgspec.field(
        name=wire.DEAD_STREAM
    )
    sequence: Annotated[str, pattern(rf"^[0-9]+{END}", "a whole number", description="Its sequence there.")] = (
        msgspec.field(name=wire.DEAD_SEQUENCE)
    )
    time: Annotated[
        str,
        pattern(
            rf"^{_TIME}",
            "RFC 3339 in UTC",
            description="When it was given up on.",
            examples=["2026-07-24T09:41:17.530Z"],
        ),
    ] = msgspec.field(name=wire.DEAD_TIME)


class EventHeaders(Headers, frozen=True, kw_only=True):
    """Headers of a schedule's event, `cron.<name>`."""

    msg_id: Annotated[
        str,
        pattern(
            rf"^{_TYPE}@{_TIME}",
            "<name>@<due>",
            description="`<name>@<due time>`: the broker drops a second event of one due time.",
            examples=["cleanup.daily@2026-07-24T00:00:00Z"],
        ),
    ] = msgspec.field(name=wire.MSG_ID)
    expected: Annotated[
        str,
        pattern(
            rf"^[0-9]+{END}",
            "a whole number",
            description="Sequence of the event before it: the broker refuses an event that another came before.",
        ),
    ] = msgspec.field(name="Nats-Expected-Last-Subject-Sequence")


class ManualEventHeaders(Headers, frozen=True, kw_only=True):
    """Headers of an event that was published by hand, `cron.<name>.manual`: all optional."""

    job_id: JobId | UnsetType = msgspec.field(default=UNSET, name=wire.JOB_ID)
    msg_id: MsgId | UnsetType = msgspec.field(default=UNSET, name=wire.MSG_ID)


KINDS: dict[str, type[Headers]] = {
    "jobs": JobHeaders,
    "later": LaterHeaders,
    "due": DueHeaders,
    "dead": DeadLetterHeaders,
    "cron": EventHeaders,
    "cron.manual": ManualEventHeaders,
}
"""First token of the subject (and `.manual` at its end) -> the headers of such a message."""


def kind_of(subject: str) -> str:
    """Return which of the `KINDS` a subject belongs to; empty if it is none of ours."""
    first = subject.partition(".")[0]
    kind = first + wire.MANUAL if first == "cron" and subject.endswith(wire.MANUAL) else first
    return kind if kind in KINDS else ""
