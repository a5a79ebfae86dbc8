"""The job in a handler's hands: who it is, and the effects it wants committed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.contract.message import Message

Effect = Callable[[AsyncConnection], Awaitable[None]]


@dataclass(slots=True, frozen=True)
class FollowUp:
    """A job that exists if and only if its parent commits."""

    message: Message
    job_id: str | None
    at: datetime | None


@dataclass(slots=True)
class Job:
    """One delivery of a job, and what it wants written when its handler returns.

    Effects are recorded, not run: the chassis runs them with the inbox row in one short transaction,
    so they happen exactly once, however often the job is delivered.
    """

    service: str
    type: str
    id: str
    key: str
    """The id as a safe token: at most 200 of `[A-Za-z0-9_-]`, else `~` and its SHA-256."""
    attempt: int = 1
    """The number of this attempt, from 1."""
    is_last_attempt: bool = False
    """Whether a failure of this attempt makes the job a dead letter."""
    timeout: timedelta | None = None
    """Time that the handler has; it is cancelled then. None outside of a worker."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace context that its follow-up jobs carry on (W3C `traceparent`): its sender's, or its own span's."""
    statements: list[tuple[Executable, Mapping[str, Any] | None]] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)

    def forget(self) -> None:
        """Drops all that was recorded: there is nothing to do any more."""
        self.statements.clear()
        self.effects.clear()
        self.follow_ups.clear()

    def write(self, statement: Executable, values: Mapping[str, Any] | None = None) -> None:
        """Adds a statement to the job's commit.

        Jobs that finish together share a transaction: a statement made once per module, with its
        parameters in `values`, is sent to the database once for all of them.
        """
        self.statements.append((statement, values))

    def transact(self, effect: Effect) -> None:
        """Adds an effect that has to read and decide inside the transaction; raising rolls all back."""
        self.effects.append(effect)

    def enqueue(self, message: Message, *, job_id: str | None = None, at: datetime | None = None) -> None:
        """Adds a follow-up job, published after the commit; `at` (aware) makes it a delayed one."""
        self.follow_ups.append(FollowUp(message, job_id, at))
