"""A delivery in a worker's hands: its clock, and who ended it."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from nightshift.broker.delivery import Delivery

ISOLATE_AFTER = 3
"""From this unexplained delivery on a job runs alone in its process: it may be what kills the others' worker."""


@dataclass(slots=True, eq=False)
class InFlightJob:
    """What the worker keeps about a delivery while it has it; times are monotonic seconds."""

    delivery: Delivery
    unaccounted_deliveries: int
    """Deliveries, this one included, whose end nobody reported: their worker died, or lost the broker."""
    progress_at: float = field(default_factory=time.monotonic)
    task: asyncio.Task[Any] | None = None
    timeout_seconds: float = 0.0
    deadline: float | None = None
    timed_out: bool = False
    released: bool = False
    nakked: bool = False

    @property
    def must_run_alone(self) -> bool:
        """Whether it has to run alone."""
        return self.unaccounted_deliveries >= ISOLATE_AFTER

    def begin(self, timeout_seconds: float) -> None:
        """The handler starts."""
        self.timeout_seconds = timeout_seconds
        self.deadline = time.monotonic() + timeout_seconds

    def end(self) -> None:
        """The handler has ended, so its time cannot run out any more; if it was cancelled, that is over, too."""
        self.deadline = None
        if self.timed_out or self.released:
            self.uncancel()

    @property
    def cancelled(self) -> bool:
        """Whether anybody wanted the handler to end; if not, it was cancelled by something that it awaited."""
        return self.task is not None and self.task.cancelling() > 0

    def uncancel(self) -> None:
        """Takes the cancellation as dealt with; a handler that swallowed it was cancelled more than once."""
        while self.task is not None and self.task.uncancel():
            pass

    def tick(self, now: float, progress_seconds: float) -> None:
        """Tells the broker that it is still in hand, and ends a handler whose time is over."""
        if now - self.progress_at >= progress_seconds:
            self.progress_at = now
            self.delivery.progress()
        if self.deadline is not None and now > self.deadline and self.task is not None:
            self.timed_out = True
            self.task.cancel()

    def nak_delivery(self, delay: timedelta) -> None:
        """Leaves it to the broker to deliver it again; that this delivery ended so must be remembered by the worker."""
        self.nakked = True
        self.delivery.nak(delay)

    def release(self) -> None:
        """Ends the handler so that another worker takes the job."""
        if self.deadline is not None and self.task is not None:
            self.released = True
            self.task.cancel()
