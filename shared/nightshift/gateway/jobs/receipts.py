"""What a client is told of its jobs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Meta, UnsetType

from nightshift.contract import wire
from nightshift.gateway.intake import Accepted
from nightshift.gateway.jobs.state import JobState, State

PATH = "/v1/jobs/{type}/{id}"
Where = Literal["queue", "schedule", "outbox"]


class JobReceipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job that is stored: it will be worked off, or end as a dead letter."""

    id: Annotated[str, Meta(description="The job's id: with its type, the identity of the work.")]
    type: Annotated[str, Meta(description="The job's type.", examples=["email.send"])]
    subject: Annotated[str, Meta(description="The subject that it was stored under.")]
    where: Annotated[Where, Meta(description="`outbox`: the broker is away; it is published when it is back.")]
    stream: Annotated[str, Meta(description="The broker's stream that has it.")] | UnsetType = UNSET
    sequence: Annotated[int, Meta(description="Its number in that stream.")] | UnsetType = UNSET
    duplicate: Annotated[
        bool, Meta(description="A job of this type and id came in lately already: this one was dropped.")
    ] = False
    runs_at: Annotated[datetime, Meta(tz=True, description="When it is due.")] | UnsetType = UNSET


class OneReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one job."""

    job: JobReceipt
    state: Annotated[JobState, Meta(description="Only with `Prefer: wait`.")] | UnsetType = UNSET


class ManyReceipts(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a batch: the receipts in the order of the jobs."""

    jobs: tuple[JobReceipt, ...]


def receipt_of(accepted: Accepted, job_type: str, runs_at: datetime | None) -> JobReceipt:
    """Return the receipt of a job."""
    message, stored = accepted.message, accepted.stored
    return JobReceipt(
        id=message.headers[wire.JOB_ID],
        type=job_type,
        subject=message.subject,
        where="outbox" if stored is None else "queue" if runs_at is None else "schedule",
        stream=UNSET if stored is None else stored.stream,
        sequence=UNSET if stored is None else stored.seq,
        duplicate=stored is not None and stored.duplicate,
        runs_at=UNSET if runs_at is None else runs_at,
    )


_STATES: Mapping[Where, State] = {"queue": "queued", "schedule": "scheduled", "outbox": "outbox"}


def state_of(receipt: JobReceipt) -> JobState:
    """Return where a job is that has just been stored."""
    return JobState(id=receipt.id, type=receipt.type, state=_STATES[receipt.where], at=receipt.runs_at)


def _escaped(job_id: str) -> str:
    return job_id if job_id.isascii() and job_id.isalnum() else quote(job_id, safe=":~")


def location_of(receipt: JobReceipt) -> str:
    """Return where the job's state can be asked for."""
    path = f"/v1/jobs/{receipt.type}/{_escaped(receipt.id)}"
    return path if receipt.where != "queue" else f"{path}?sequence={receipt.sequence}"
