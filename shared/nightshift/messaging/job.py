"""The job that a handler is given: which one it is, and the effects that it wants committed."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nightshift.contract.message import Message

if TYPE_CHECKING:  # whoever only publishes needs no database library
    from sqlalchemy import Executable
    from sqlalchemy.ext.asyncio import AsyncConnection

Handler = Callable[[Any, "Job"], Awaitable[None]]
"""A plain async function of its typed message and the job in flight; what else it needs is bound beforehand."""
TransactionStep = Callable[["AsyncConnection"], Awaitable[None]]
"""Reads and decides on the connection of the job's own transaction."""

MAX_RESULT_BYTES = 16 * 1024
"""As JSON. A ledger is no store: what is longer belongs in an object."""

MAX_NOTE = 200
"""Characters of what a job says that it is doing."""
Progress = tuple[float | None, str]
"""How much of a job is done, from 0 to 1 if that is known, and what it is doing."""

Release = Callable[[], Awaitable[None]]
"""Gives back what a handler has taken outside of its commit, such as a lease; does nothing if it was given back."""

Notice = Callable[[], None]
"""Takes note of a commit, such as a counter of the process."""


@dataclass(slots=True, frozen=True)
class FollowUp:
    """A job that exists if and only if its parent commits."""

    message: Message
    job_id: str | None
    at: datetime | None


class Job(msgspec.Struct):
    """One delivery of a job, and what it wants written when its handler returns.

    Effects are recorded, not run: the worker runs them with the inbox row in one short transaction,
    so they happen exactly once, however often the job is delivered.
    """

    service: str
    type: str
    id: str
    """The id as every store takes it; one that is too long or no plain text is its safe token here."""
    key: str
    """The id as a safe token: at most 200 of `[A-Za-z0-9_-]`, else `~` and its SHA-256."""
    attempt: int = 1
    """The number of this attempt, from 1."""
    is_last_attempt: bool = False
    """Whether a failure of this attempt makes the job a dead letter."""
    timeout: timedelta | None = None
    """Time that the handler has; it is cancelled then. None outside of a worker."""
    published_id: str = ""
    """The id as it was published, where that is not `id`: copies of the message carry it."""
    tenant: str | None = None
    """Whose job it is, as its publisher says: it stands in the ledger."""
    trace: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The trace context that its follow-up jobs carry on (W3C `traceparent`): its sender's, or its own span's."""
    writes: "list[tuple[Executable, Mapping[str, Any] | None]]" = msgspec.field(default_factory=list)
    steps: list[TransactionStep] = msgspec.field(default_factory=list)
    follow_ups: list[FollowUp] = msgspec.field(default_factory=list)
    releases: list[Release] = msgspec.field(default_factory=list)
    notices: list[Notice] = msgspec.field(default_factory=list)
    started_at: float = 0.0
    """When its handler began, on the clock of `time.perf_counter`."""
    told: Progress | None = None
    """How far it last said to be."""
    outcome: str | None = None
    """How the ledger names its end, where that is not `done`."""
    result_json: str | None = None
    recorded: bool = False
    """Whether its handler has recorded it as done in a transaction of its own (`nightshift.record_done`)."""

    def goes_by(self, job_type: str, job_id: str) -> bool:
        """Return whether it is this job; the id may be given as its safe token."""
        return self.type == job_type and job_id in (self.id, self.key)

    @property
    def result(self) -> Any:
        """What became of the job, for whoever waits for it or asks: a value of JSON, at most 16 KB of it.

        It is committed with the effects, and kept for `RESULT_DAYS` (7). What is longer is an object: its key is the
        result. Whoever may look up the job sees it.

        Raises:
            TypeError: on setting: JSON has no such value.
            ValueError: on setting: it is too long, or holds text that is none.
        """
        return None if self.result_json is None else msgspec.json.decode(self.result_json)

    @result.setter
    def result(self, value: Any) -> None:
        encoded = msgspec.json.encode(value)
        if len(encoded) > MAX_RESULT_BYTES:
            raise ValueError(
                f"the result has {len(encoded):,} bytes, at most {MAX_RESULT_BYTES:,} are kept: put it in an object, "
                "and make that object's key the result"
            )
        self.result_json = encoded.decode()

    def progress(self, fraction: float | None, note: str = "") -> None:
        """Tell whoever watches how far the job is: a fraction from 0 to 1 if it is known, and what it is doing.

        It costs nothing and is stored nowhere: the newest is told once a second on `events.<service>`
        (`nightshift jobs watch`), as long as the job runs. A value beyond the ends counts as the end.
        """
        known = fraction is not None and not math.isnan(fraction)
        self.told = (min(max(fraction or 0.0, 0.0), 1.0) if known else None, " ".join(note.split())[:MAX_NOTE])

    def discard_effects(self) -> None:
        """Drop everything that was recorded: there is nothing left to do."""
        self.writes.clear()
        self.steps.clear()
        self.follow_ups.clear()
        self.notices.clear()
        self.result_json = None

    def write(self, statement: "Executable", values: Mapping[str, Any] | None = None) -> None:
        """Add a statement to the job's commit.

        Jobs that finish together share a transaction: a statement made once per module, with its
        parameters in `values`, is sent to the database once for all of them.
        """
        self._check_open("write")
        self.writes.append((statement, values))

    def run_in_transaction(self, step: TransactionStep) -> None:
        """Add a step that has to read and decide inside the transaction; raising rolls everything back.

        It executes on the connection that it is given, and may enqueue follow-up jobs. It may run more than once,
        each time in a new transaction: a transaction is tried again without the jobs that failed in it.
        """
        self._check_open("run_in_transaction")
        self.steps.append(step)

    def enqueue(self, message: Message, *, job_id: str | None = None, at: datetime | None = None) -> None:
        """Add a follow-up job, published after the commit; `at` (aware) makes it a delayed one.

        Leave out `job_id` unless others publish the same job too: an id that can be guessed can be taken first, by
        any producer of that type, and the follow-up then counts as done.
        """
        self._check_open("enqueue")
        self.follow_ups.append(FollowUp(message, job_id, at))

    def _check_open(self, method: str) -> None:
        if self.recorded:
            raise RuntimeError(
                f"{self.type}: job.{method} comes too late after record_done: use the handler's own transaction "
                "(nightshift.enqueue adds a follow-up job there)"
            )

    def after_commit(self, notice: Notice) -> None:
        """Add what is called once this delivery has committed the job: where one counts what has happened.

        It is not called for a duplicate, nor if the worker dies in that very moment. What it raises is logged, and
        changes nothing.
        """
        self.notices.append(notice)

    def release_at_end(self, release: Release) -> None:
        """Add what gives back something that the handler has taken outside of its commit, such as a lease.

        It is called when this delivery is over, whatever its end: done, duplicate, failed, cancelled. Only the death of
        the worker prevents it. What it raises is logged, and changes nothing.
        """
        self.releases.append(release)
