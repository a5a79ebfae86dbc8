"""What workers tell of their jobs on `events.<service>`: a stream of news for whoever waits, watches or collects.

An event tells a fact; it is not the fact. What is done stands in the ledger, what is dead in a dead-letter stream: a
worker that is killed takes the news of its last moments with it. Nobody waits for an event to be stored.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_EVENTS = 500
"""In one message."""
What = Literal[
    "started",
    "progress",
    "done",
    "skipped",
    "retry",
    "snooze",
    "unavailable",
    "handed-back",
    "dead",
    "dead-letter-refused",
]


class JobEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """One turn in the life of a job; `what` are the outcomes of the log and of the metrics, and two more."""

    type: Annotated[str, Meta(description="The job's type.", examples=["report.generate"])]
    id: Annotated[str, Meta(description="The job's id.", examples=["welcome-17"])]
    what: Annotated[
        What,
        Meta(
            description="`started`: an attempt has been running for a second; `progress`: how far it is; `done` and "
            "`skipped`: it is over; `retry`, `snooze`, `unavailable`, `handed-back`: it runs again; `dead`: it was "
            "given up on; `dead-letter-refused`: it was, and waits until its dead letter can be stored."
        ),
    ]
    attempt: Annotated[int, Meta(ge=1, description="The attempt that this is about.")] = 1
    ms: Annotated[float, Meta(ge=0, description="Milliseconds since the attempt began.")] = 0.0
    tenant: Annotated[str, Meta(description="Whose job it is.")] | UnsetType = UNSET
    error: (
        Annotated[str, Meta(description="The class of what it failed with, or the reason of its dead letter.")]
        | UnsetType
    ) = UNSET
    fraction: Annotated[float, Meta(ge=0, le=1, description="How much is done; of `progress`.")] | UnsetType = UNSET
    note: Annotated[str, Meta(description="What it is doing; of `progress`.")] | UnsetType = UNSET
    trace: Annotated[str, Meta(description="The id of its trace.")] | UnsetType = UNSET
    result: (
        Annotated[Any, Meta(description="What it returned; told on `workers.found` only, to whoever asks.")] | UnsetType
    ) = UNSET

    @property
    def ends_attempt(self) -> bool:
        """Whether no worker has the job any more, whatever comes next."""
        return self.what not in {"started", "progress"}

    @property
    def is_over(self) -> bool:
        """Whether the job has ended for good."""
        return self.what in {"done", "skipped", "dead"}


class JobEvents(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker tells at once, in order: at most 500 turns."""

    at: Annotated[datetime, Meta(tz=True, description="When it was told.")]
    events: Annotated[tuple[JobEvent, ...], Meta(max_length=MAX_EVENTS)]


def read_events(body: bytes) -> JobEvents | None:
    """Return what a body tells; None if it tells nothing: anybody in the account may publish there."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_decode = msgspec.json.Decoder(JobEvents).decode


class JobQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question about one job: the worker that runs it tells at once how far it is, on `events.<service>`."""

    type: Annotated[str, Meta(description="The job's type.")]
    id: Annotated[str, Meta(description="The job's id.")]


class FindJob(msgspec.Struct, frozen=True, kw_only=True):
    """A question for the end of a job of the type that the subject names: what stands in the ledger.

    One worker of the service answers on `workers.found.<type>`, as a turn of the job with its result; no worker, where
    the job is not done.
    """

    id: Annotated[str, Meta(description="The job's id.")]


class CancelJob(msgspec.Struct, frozen=True, kw_only=True):
    """A request to stop a job of the type that the subject names: the worker that has it tells on `events.<service>`.

    First that it has it, then how it ended: `dead` with the reason `cancelled`, or as it would have ended anyway.
    """

    id: Annotated[str, Meta(description="The job's id.")]
