"""Remembers which jobs were given up on, as their workers told it: a look for dead letters would read streams."""

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent

MOST_REMEMBERED = 10_000
"""Beyond it the oldest are forgotten: this is a convenience, `nightshift dlq list` is the truth."""


class Death(NamedTuple):
    """How a job was given up on."""

    at: datetime
    event: JobEvent


class Deaths:
    """The jobs that were given up on since this process listens, and were not heard of again."""

    def __init__(self) -> None:
        self._dead: OrderedDict[tuple[str, str], Death] = OrderedDict()

    def take(self, at: datetime, event: JobEvent) -> None:
        """Take note of what is told of a job; one that is redriven is dead no more."""
        self._dead.pop((event.type, event.id), None)
        if event.what == "dead":
            self._dead[event.type, event.id] = Death(at, event)
            if len(self._dead) > MOST_REMEMBERED:
                self._dead.popitem(last=False)

    def of(self, job_type: str, job_id: str) -> Death | None:
        """Return how a job was given up on; None if it was not, or is forgotten."""
        return self._dead.get((job_type, wire.storable_id(job_id)))
