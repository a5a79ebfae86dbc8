"""What becomes of a delivery: the three ways a job can leave a worker's hands."""

from dataclasses import dataclass
from datetime import timedelta

from nightshift.contract.wire import Reason


@dataclass(slots=True, frozen=True)
class Ack:
    """Its effects are committed, now or earlier: acknowledge."""

    outcome: str = "done"


@dataclass(slots=True, frozen=True)
class Reschedule:
    """Later once more, with `base` attempts used so far."""

    outcome: str
    delay: timedelta
    base: int
    error: str = ""
    error_type: str = ""
    """The class of what the attempt failed with, where it did."""


@dataclass(slots=True, frozen=True)
class DeadLetter:
    """Given up on."""

    reason: Reason
    error: str
    attempts: int
    outcome: str = "dead"
    error_type: str = ""


Verdict = Ack | Reschedule | DeadLetter
IMMEDIATELY = timedelta(0)
DONE, DUPLICATE, SKIPPED = Ack(), Ack("duplicate"), Ack("skipped")
INTERRUPTED = Reschedule("interrupted", IMMEDIATELY, 0, "the worker ended amid it")
"""Nothing was settled: the broker delivers it again."""
