"""What is known of a job for the price of a few look-ups: never by reading a queue."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import Connection as DatabaseConnection

from nightshift.batcher import Batcher
from nightshift.broker import Connection, direct_get
from nightshift.broker.message import StoredMessage
from nightshift.contract import wire
from nightshift.database import Database
from nightshift.gateway.jobs.deaths import Death, Deaths
from nightshift.housekeeping.overdue import due_at
from nightshift.messaging.cancelling import which_in_outbox
from nightshift.messaging.ledger import CANCELLED, LedgerEntry, find_all_in
from nightshift.outcomes import Unavailable
from nightshift.topology.topology import later_stream, queue_stream

T = TypeVar("T")
LOOK_SECONDS = 2.0
MOST_SEQUENCE = 10**16 - 1
State = Literal["done", "dead", "running", "scheduled", "retrying", "queued", "outbox", "accepted"]
_DIGITS = 7
_TOGETHER = 100
"""Jobs that are looked up at once, when many wait whose jobs end together."""


class JobState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a job is in its life."""

    id: Annotated[str, Meta(description="The job's id.")]
    type: Annotated[str, Meta(description="The job's type.")]
    state: Annotated[
        State,
        Meta(
            description="`done`; `dead`: given up on (the last 10,000 that the gateway has heard of); `running`: told "
            "only to whoever waits; "
            "`scheduled`: waits for its time; `retrying`: waits for its next attempt; `queued`: in "
            "the queue or a worker's hands (told only with `sequence`); `outbox`: waits for the broker, or for the "
            "relay of what was enqueued by SQL; `accepted`: "
            "none of these: it is in the queue, dead, or was never there."
        ),
    ]
    at: Annotated[datetime, Meta(tz=True, description="When it ended, or is due.")] | UnsetType = UNSET
    attempt: (
        Annotated[int, Meta(description="The attempt that comes next, or is under way; of a done job, the last.")]
        | UnsetType
    ) = UNSET
    fraction: Annotated[float, Meta(description="How much a running job says to have done.")] | UnsetType = UNSET
    note: Annotated[str, Meta(description="What a running job says to be doing.")] | UnsetType = UNSET
    error: Annotated[str, Meta(description="Why it was given up on.")] | UnsetType = UNSET
    skipped: Annotated[bool, Meta(description="It is done, and there was nothing to do.")] | UnsetType = UNSET
    took_ms: (
        Annotated[int, Meta(description="Milliseconds from the start of the last attempt to its commit.")] | UnsetType
    ) = UNSET
    result: (
        Annotated[
            Any, Meta(description="What the job returned: any JSON, for some days. Absent where it returned nothing.")
        ]
        | UnsetType
    ) = UNSET

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {"done", "dead"}


class InDatabase(NamedTuple):
    """What the database knows of a job."""

    ended: LedgerEntry | None
    in_outbox: bool


class JobStates:
    """Tells the states of jobs."""

    def __init__(self, connection: Connection, database: Database, deaths: Deaths) -> None:
        self._connection, self._database, self._deaths = connection, database, deaths
        self._stored: Batcher[tuple[str, str], InDatabase] = Batcher(self._look, max_size=_TOGETHER)

    async def of(self, job_type: str, job_id: str, sequence: int | None = None) -> JobState:
        """Return a job's state; `sequence` is where its receipt says that it was stored.

        Raises:
            Unavailable: what is needed to tell is away.
        """
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                stored = await self.stored(job_type, job_id)
                if stored.ended is not None:
                    return of_ended(job_id, stored.ended)
                if stored.in_outbox:  # the broker, which may be away, need not be asked
                    return JobState(id=job_id, type=job_type, state="outbox")
                waiting = await self._waiting(job_type, job_id)
                if waiting is not None:
                    return _of_waiting(job_type, job_id, waiting)
                if sequence is not None and await self.is_queued(job_type, job_id, sequence):
                    return JobState(id=job_id, type=job_type, state="queued")
        except TimeoutError:
            raise Unavailable("broker", f"no answer within {LOOK_SECONDS:g} s") from None
        if (death := self._deaths.of(job_type, job_id)) is not None:
            return _of_dead(job_type, job_id, death)
        return JobState(id=job_id, type=job_type, state="accepted")

    async def stored(self, job_type: str, job_id: str) -> InDatabase:
        """Return what the database knows of a job.

        Raises:
            Unavailable: the database is unavailable.
        """
        return await self._stored((job_type, job_id))

    async def _look(self, jobs: Sequence[tuple[str, str]]) -> list[InDatabase | Exception]:
        def ask(connection: DatabaseConnection) -> list[InDatabase | Exception]:
            entries = find_all_in(connection, jobs)
            going_on = [job for job, ended in zip(jobs, entries, strict=True) if ended is None]
            in_outbox = which_in_outbox(connection, going_on)
            return [InDatabase(ended, job in in_outbox) for job, ended in zip(jobs, entries, strict=True)]

        return await self._database.ask(ask)

    async def is_queued(self, job_type: str, job_id: str, sequence: int) -> bool:
        """Return whether the job is where its receipt says: not yet done, and not waiting for its time.

        Raises:
            Unavailable: the broker is unavailable.
        """
        found = await direct_get.read_at(self._connection, queue_stream(wire.service_of(job_type)), sequence)
        mine = (wire.job_subject(job_type), job_id)
        return found is not None and (found.subject, found.headers.get(wire.JOB_ID)) == mine

    async def _waiting(self, job_type: str, job_id: str) -> StoredMessage | None:
        subject = wire.later_subject(job_type, job_id)
        return await direct_get.read_newest(self._connection, later_stream(wire.service_of(job_type)), subject)


def of_ended(job_id: str, entry: LedgerEntry) -> JobState:
    """Return the state of a job of which the ledger tells the end."""
    if entry.outcome == CANCELLED:
        return JobState(id=job_id, type=entry.type, state="dead", at=entry.done_at, error=CANCELLED)
    return JobState(
        id=job_id,
        type=entry.type,
        state="done",
        at=entry.done_at,
        attempt=_known(entry.attempt),
        skipped=True if entry.outcome == "skipped" else UNSET,
        took_ms=_known(entry.took_ms),
        result=_known(entry.result),
    )


def _of_dead(job_type: str, job_id: str, death: Death) -> JobState:
    at, event = death
    return JobState(id=job_id, type=job_type, state="dead", at=at, attempt=event.attempt, error=event.error)


def _known(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _of_waiting(job_type: str, job_id: str, waiting: StoredMessage) -> JobState:
    base = waiting.headers.get(wire.ATTEMPT_BASE, "")
    used = int(base) if base.isdecimal() and len(base) < _DIGITS else 0
    return JobState(
        id=job_id,
        type=job_type,
        state="retrying" if used else "scheduled",
        at=due_at(waiting.headers) or UNSET,
        attempt=used + 1,
    )
