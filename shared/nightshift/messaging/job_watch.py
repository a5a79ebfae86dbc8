"""Hears for any number of waiters what workers tell of their jobs; one subscription serves them all.

Whoever waits begins to watch first, then looks where the job is, and then waits: so nothing falls into a gap. An event
may be lost, so look again now and then.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec

from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.job_events import CancelJob, FindJob, JobEvent, JobQuestion, read_events
from nightshift.topology.discovery import ASK, cancel_subject, find_subject, found_subject

MOST_WAITING = 100
"""Events of one watched job that nobody has taken yet: beyond it the oldest are dropped."""
ANSWER_SECONDS = 1.5
"""A worker that has a job says so at once; one whose handler computes meanwhile, a little later."""
_Key = tuple[str, str]


class Watched:
    """What is told of one job, in order."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[JobEvent] = asyncio.Queue(MOST_WAITING)

    async def next(self, seconds: float) -> JobEvent | None:
        """Return the next event; None if there is none within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._events.get()
        except TimeoutError:
            return None

    def put(self, event: JobEvent) -> None:
        """Add an event."""
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)


class JobWatch:
    """Watches jobs of some services."""

    def __init__(self, connection: Connection, services: Iterable[str]) -> None:
        self._connection, self._services = connection, frozenset(services)
        self._heard: set[str] = set()
        self.on_told: Callable[[datetime, JobEvent], None] = _nobody
        """Is told of every event, watched or not, and when it was told."""
        self._watched: defaultdict[_Key, set[Watched]] = defaultdict(set)

    async def start(self) -> None:
        """Begin to listen; the subscription survives reconnects."""
        for service in sorted(self._services):
            await self._hear(wire.events_subject(service))

    async def hear(self, job_type: str) -> None:
        """Begin to listen for jobs of one type, also for what `find` asks."""
        await self._hear(wire.events_subject(wire.service_of(job_type)))
        await self._hear(found_subject(job_type))

    async def _hear(self, subject: str) -> None:
        if subject not in self._heard:
            self._heard.add(subject)
            await self._connection.listen(subject, self._receive)

    @contextmanager
    def watching(self, job_type: str, job_id: str) -> Iterator[Watched]:
        """Yield what is told of a job from now on, as long as the block runs."""
        key, watched = (job_type, wire.storable_id(job_id)), Watched()
        self._watched[key].add(watched)
        try:
            yield watched
        finally:
            self._watched[key].discard(watched)
            if not self._watched[key]:
                del self._watched[key]

    def ask(self, job_type: str, job_id: str) -> None:
        """Have the worker that runs a job, if one does, tell how far it is."""
        question = JobQuestion(type=job_type, id=wire.storable_id(job_id))
        self._connection.send(ASK.encode(), msgspec.json.encode(question))

    def find(self, job_type: str, job_id: str) -> None:
        """Have a worker tell, with the job's result, how a job has ended that stands in the ledger."""
        question = msgspec.json.encode(FindJob(id=job_id))
        self._connection.send(find_subject(job_type).encode(), question)

    async def stop(self, job_type: str, job_id: str, *, seconds: float) -> JobEvent | None:
        """Have the worker that has a job stop it; return what it told last, its end if that came in time.

        None: no worker has it. `dead` with the error `cancelled`: it was stopped. Another end: it was too late.
        """
        told: JobEvent | None = None
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with self.watching(job_type, job_id) as watched:
            request = msgspec.json.encode(CancelJob(id=wire.storable_id(job_id)))
            self._connection.send(cancel_subject(job_type).encode(), request)
            while (left := until - loop.time()) > 0:
                event = await watched.next(min(left, ANSWER_SECONDS) if told is None else left)
                if event is None:
                    return told
                told = event
                if event.ends_attempt:
                    return told
        return told

    def _receive(self, _subject: bytes, _reply: bytes, _headers: bytes, body: bytes) -> None:
        if (not self._watched and self.on_told is _nobody) or (told := read_events(body)) is None:
            return
        for event in told.events:
            self.on_told(told.at, event)
            for watched in self._watched.get((event.type, event.id), ()):
                watched.put(event)


def _nobody(_at: datetime, _event: JobEvent) -> None:
    """Tell nobody."""
