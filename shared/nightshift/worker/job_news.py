"""Which news there are of jobs in flight, for whoever watches them."""

import asyncio
import time
from collections.abc import Iterable
from typing import NoReturn

import msgspec
from msgspec import UNSET

from nightshift.broker import Connection
from nightshift.contract.job_events import JobEvent, JobQuestion, What
from nightshift.heartbeat import Heartbeat
from nightshift.messaging.job import Progress
from nightshift.observability.job_log import JobEnds
from nightshift.worker.event_feed import EventFeed
from nightshift.worker.in_flight import InFlightJob
from nightshift.worker.verdict import DUPLICATE, INTERRUPTED

_LOOK_SECONDS = 1.0
STARTED_AFTER_SECONDS = 1.0
"""Most jobs are over by then, and nobody has to hear that they began."""
_NO_NEWS = frozenset({DUPLICATE.outcome, INTERRUPTED.outcome})
"""A duplicate's job was told of as done; of an interrupted one nothing is known."""
_decode = msgspec.json.Decoder(JobQuestion).decode


class JobNews:
    """Tells what becomes of one worker's jobs."""

    def __init__(self, feed: EventFeed | None = None, running: Iterable[InFlightJob] = ()) -> None:
        """`running` are the worker's jobs that run, whenever they are looked at. Without a feed nobody is told."""
        self._feed, self.running = feed, running

    async def listen(self) -> None:
        """Answer whoever asks how far a job is."""
        if self._feed is not None:
            await self._feed.answer(self.answer)

    def flush(self) -> None:
        """Tell at once what was gathered: the worker has stopped."""
        if self._feed is not None:
            self._feed.flush()

    def ended(self, ends: JobEnds) -> None:
        """Tell how attempts have ended."""
        if self._feed is None or ends.outcome in _NO_NEWS:
            return
        what: What = ends.outcome  # type: ignore[assignment]  # outcomes are the events' words
        error = ends.fault or UNSET
        self._feed.tell_ended(
            JobEvent(
                type=ends.type,
                id=job_id,
                what=what,
                attempt=ends.attempt,
                ms=milliseconds,
                tenant=tenant or UNSET,
                error=error,
                trace=trace or UNSET,
            )
            for job_id, milliseconds, tenant, trace in zip(
                ends.ids, ends.milliseconds, ends.tenants, ends.traces, strict=True
            )
        )

    def _tell(self, event: JobEvent) -> None:
        if self._feed is not None:
            self._feed.tell(event)

    async def run(self, heartbeat: Heartbeat) -> NoReturn:
        """Look every second, until cancelled."""
        while True:
            heartbeat.beat()
            await asyncio.sleep(_LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        """Tell which jobs have been running for a second, and how far they are."""
        now = time.perf_counter()
        for in_flight in self.running:
            told = in_flight.job.told
            if told is not in_flight.last_told and told is not None:
                self._tell_progress(in_flight, now)
            elif in_flight.last_told is None and 0 < in_flight.started_at <= now - STARTED_AFTER_SECONDS:
                in_flight.last_told = NOTHING_YET
                self._tell(_event(in_flight, "started", now - in_flight.started_at))

    def answer(self, _subject: bytes, _reply: bytes, _headers: bytes, question: bytes) -> None:
        """Tell how far a job is that somebody asks for, if it runs here. What is no question asks nothing."""
        try:
            asked = _decode(question)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        for in_flight in self.running:
            if in_flight.job.goes_by(asked.type, asked.id):
                self.tell_how_far(in_flight)

    def tell_how_far(self, in_flight: InFlightJob) -> None:
        """Tell at once how far a job is that this worker has."""
        now = time.perf_counter()
        if in_flight.job.told is None:
            if in_flight.started_at:  # not told again in a second, together with many others
                in_flight.last_told = NOTHING_YET
            self._tell(_event(in_flight, "started", now - (in_flight.started_at or now)))
        else:
            self._tell_progress(in_flight, now)

    def _tell_progress(self, in_flight: InFlightJob, now: float) -> None:
        in_flight.last_told = told = in_flight.job.told
        fraction, note = told or NOTHING_YET
        event = _event(in_flight, "progress", now - in_flight.started_at)
        known = UNSET if fraction is None else fraction
        self._tell(msgspec.structs.replace(event, fraction=known, note=note or UNSET))


NOTHING_YET: Progress = (None, "")
"""What a job that has begun has told of itself."""


def _event(in_flight: InFlightJob, what: What, seconds: float) -> JobEvent:
    job = in_flight.job
    return JobEvent(
        type=job.type,
        id=job.id,
        what=what,
        attempt=job.attempt,
        ms=round(seconds * 1000, 3),
        tenant=job.tenant or UNSET,
        trace=in_flight.span.trace_id or in_flight.trace_id or UNSET,
    )


def news_of(service: str, connection: Connection) -> JobNews:
    """Return what tells on a service's subject."""
    return JobNews(EventFeed(service, connection))
