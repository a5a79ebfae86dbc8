"""What is known of workers from one look to the next: how fast each is, and which have gone."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from nightshift.topology.discovery import WorkerInfo

GONE_FOR = timedelta(hours=1)
"""So long one that answers no more is shown."""
_RATE_OVER = timedelta(seconds=30)
_AWAY_FOR = timedelta(minutes=1)
"""A version that no worker has had for so long is away, and not only slow to answer."""
_MOST = 1_000


class Gone(NamedTuple):
    """A process that answers no more."""

    worker: WorkerInfo
    seen: datetime


class Deploy(NamedTuple):
    """A version of a service that was not among its workers before."""

    service: str
    version: str
    at: datetime


class WorkerLog:
    """Is told of each look."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], datetime] = {}
        self._deploys: deque[Deploy] = deque(maxlen=_MOST)
        self._seen: dict[str, Gone] = {}
        self._finished: dict[str, deque[tuple[datetime, int]]] = {}
        self._here: frozenset[str] = frozenset()

    def note(self, at: datetime, workers: Sequence[WorkerInfo]) -> None:
        """Take in who answered."""
        self._here = frozenset(worker.name for worker in workers)
        self._note_versions(at, workers)
        for worker in workers:
            self._seen[worker.name] = Gone(worker, at)
            told = self._finished.setdefault(worker.name, deque())
            told.append((at, worker.finished))
            while told[0][0] < at - _RATE_OVER and len(told) > 2:  # noqa: PLR2004 - a rate is of two moments
                told.popleft()
        kept = sorted(self._seen.items(), key=lambda item: item[1].seen)[-_MOST:]
        self._seen = {name: one for name, one in kept if at - one.seen < GONE_FOR}
        self._finished = {name: told for name, told in self._finished.items() if name in self._here}

    def deploys(self, service: str) -> Sequence[Deploy]:
        """Return when which versions of a service came, the oldest first, since this console looks."""
        return [one for one in self._deploys if one.service == service]

    def began_with(self, service: str, at: datetime) -> Deploy | None:
        """Return the deploy that an instant came after, before the next one; None if no deploy is known before it."""
        return next((one for one in reversed(self._deploys) if one.service == service and one.at <= at), None)

    def _note_versions(self, at: datetime, workers: Sequence[WorkerInfo]) -> None:
        """Take in new versions: of a service that is seen for the first time nobody knows how long it has had its own.

        One that is back is new if another was there meanwhile: a release that was taken back.
        """
        here = {(worker.service, worker.release) for worker in workers}
        for service, version in sorted(here):
            known = [seen for (one, _), seen in self._versions.items() if one == service]
            seen = self._versions.get((service, version))
            is_back = seen is not None and at - seen > _AWAY_FOR and max(known) > seen
            if known and (seen is None or is_back):
                self._deploys.append(Deploy(service, version, at))
        self._versions |= dict.fromkeys(here, at)
        kept = sorted(self._versions.items(), key=lambda item: item[1])[-_MOST:]
        self._versions = dict(kept)

    def per_second(self, name: str) -> float | None:
        """Return how many jobs a worker finishes in a second; None if it was seen once only."""
        told = self._finished.get(name)
        if told is None or len(told) < 2:  # noqa: PLR2004 - a rate is of two moments
            return None
        (first, before), (last, now) = told[0], told[-1]
        return max(0, now - before) / max((last - first).total_seconds(), 0.001)

    @property
    def gone(self) -> Sequence[Gone]:
        """Those that answered in the last hour and do not now, the last one first."""
        found = [one for name, one in self._seen.items() if name not in self._here]
        return sorted(found, key=lambda one: one.seen, reverse=True)
