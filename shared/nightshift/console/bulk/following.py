"""What becomes of the jobs of a redrive, as their workers tell it."""

from collections.abc import Callable
from typing import Literal

from nightshift.broker import Connection, direct_get
from nightshift.cli.queries.streams import stream_info
from nightshift.console.bulk.work import Fates
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, read_events
from nightshift.topology.event_stream import EVENTS_STREAM

_GOOD = frozenset({"done", "skipped"})
_BAD = frozenset({"retry", "dead", "dead-letter-refused"})
_Open = Literal["open", "failing"]


class Following:
    """Counts the fates of the jobs that it is told to follow; `decided` hears of each first failure and each end."""

    def __init__(self, fates: Fates, decided: Callable[[bool], None]) -> None:
        self._fates, self._decided = fates, decided
        self._open: dict[tuple[str, str], _Open] = {}

    @property
    def services(self) -> frozenset[str]:
        """The services of the jobs that are open."""
        return frozenset(wire.service_of(job_type) for job_type, _ in self._open)

    def begin(self, job_type: str, job_id: str) -> None:
        """Follow a job from now on; one that is followed already is not counted twice."""
        key = (job_type, wire.storable_id(job_id))
        if key not in self._open:
            self._open[key] = "open"
            self._fates.open += 1

    def drop(self, job_type: str, job_id: str) -> None:
        """Follow a job no longer: it was not redriven."""
        if self._open.pop((job_type, wire.storable_id(job_id)), None) is not None:
            self._fates.open -= 1

    def hear(self, event: JobEvent) -> None:
        """Take in what was told of a job."""
        key = (event.type, event.id)
        before = self._open.get(key)
        if before is None or event.what not in _GOOD | _BAD:
            return
        good = event.what in _GOOD
        if before == "open":
            self._decided(good)
        else:
            self._fates.failing -= 1
        if event.what == "dead" or good:
            del self._open[key]
            self._fates.open -= 1
            self._fates.done += good
            self._fates.dead += not good
        else:
            self._open[key] = "failing"
            self._fates.failing += 1


async def last_told(connection: Connection) -> int:
    """Return where the stream of events ends.

    Raises:
        Unavailable: the broker is unavailable.
    """
    return int((await stream_info(connection, EVENTS_STREAM))["state"]["last_seq"])


async def catch_up(connection: Connection, following: Following, after: int) -> None:
    """Let the jobs that are followed hear what the stream of events has of them behind a sequence.

    Raises:
        Unavailable: the broker is unavailable.
    """
    for service in sorted(following.services):
        subject = wire.events_subject(service)
        async for message in direct_get.read_each(connection, EVENTS_STREAM, subject, sequence=after + 1):
            told = read_events(message.body)
            for event in told.events if told else ():
                following.hear(event)
