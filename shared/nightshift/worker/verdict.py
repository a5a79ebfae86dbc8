"""The outcome of a delivery: acknowledge, reschedule, or dead-letter."""

from dataclasses import dataclass
from datetime import timedelta

from nightshift.contract.wire import Reason


@dataclass(slots=True, frozen=True)
class Ack:
    """Acknowledge: the job's effects are committed, now or earlier."""

    outcome: str = "done"


@dataclass(slots=True, frozen=True)
class Reschedule:
    """Run again later, with `base` attempts used so far."""

    outcome: str
    delay: timedelta
    base: int
    error: str = ""
    error_type: str = ""
    """The class of what the attempt failed with, where it did."""


@dataclass(slots=True, frozen=True)
class DeadLetter:
    """Give up on the job."""

    reason: Reason
    error: str
    attempts: int
    outcome: str = "dead"
    error_type: str = ""


Verdict = Ack | Reschedule | DeadLetter
IMMEDIATELY = timedelta(0)
DONE, DUPLICATE, SKIPPED = Ack(), Ack("duplicate"), Ack("skipped")
INTERRUPTED = Reschedule("interrupted", IMMEDIATELY, 0, "the worker stopped while running it")
"""Nothing was settled: the broker delivers it again."""


def stopped(attempt: int, verdict: Reschedule) -> DeadLetter:
    """Return the verdict for a job that would run again, had nobody cancelled it."""
    return DeadLetter("cancelled", f"it was cancelled: {verdict.error}".rstrip(": "), attempt)


def handed_back(attempt: int) -> Reschedule:
    """Return the verdict for a job that a worker releases when it stops: the attempt does not count."""
    return Reschedule("handed-back", IMMEDIATELY, attempt - 1, "the worker is shutting down")
