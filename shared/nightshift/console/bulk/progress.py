"""Works on one bulk, letter by letter: the canary, the others, and what becomes of the jobs."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from nightshift.broker import Connection
from nightshift.cli.actions.redrive import Redrive, remove
from nightshift.cli.queries.dead_letters import Letter, letters_at
from nightshift.cli.queries.events import kept
from nightshift.console.bulk.following import Following
from nightshift.console.bulk.work import Brake, Bulk, Fates
from nightshift.console.letters.follower import LetterFollower
from nightshift.console.letters.index import LetterIndex
from nightshift.console.letters.selection import places
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent, read_events
from nightshift.worker.in_flight import job_of

CANARY_SECONDS = 300.0
"""For the canary's jobs to end."""
_BATCH = 100
_SAVE_SECONDS = 1.0


class StoppedError(Exception):
    """Ends a bulk before its end; the text says why."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all bulks work with."""

    connection: Connection
    redrive: Redrive
    index: LetterIndex
    follower: LetterFollower
    save: Callable[[Bulk], Awaitable[None]]
    canary_seconds: float


class Progress:
    """One bulk that is active; `stop` is why somebody stops it."""

    def __init__(self, bulk: Bulk, tools: Tools) -> None:
        self.bulk, self._tools, self.stop = bulk, tools, ""
        self._brake = Brake(bulk.share)
        self._all = Following(bulk.fates, lambda good: self._brake.note(good=good))
        self._first_fates = Fates()
        self._first = Following(self._first_fates, lambda _good: None)
        self._saved = time.monotonic()

    def hear(self, event: JobEvent) -> None:
        """Take in what a worker tells of any job."""
        self._all.hear(event)
        self._first.hear(event)

    async def work(self) -> None:
        """Work to the end.

        Raises:
            StoppedError: it was stopped, by a person, its canary or its brake.
            OthersError: another process works on it.
            Unavailable, BrokerRefusedError: the broker is unavailable, or refuses; what was done is kept.
        """
        await self._all_known()
        if self.bulk.state == "canary":
            await self._canary()
            self.bulk.state = "running"
            await self._tools.save(self.bulk)
        await self._rest()

    async def _all_known(self) -> None:
        """Wait until the index has all letters: after a start it is read anew."""
        follower = self._tools.follower
        while follower.progress.error or follower.progress.share < 1:
            self._check_stop()
            await asyncio.sleep(0.1)

    async def _canary(self) -> None:
        """Redrive the first letters, and wait until enough of their jobs are done."""
        bulk = self.bulk
        if bulk.canary_jobs:  # another process has begun it: what was told meanwhile is kept by the broker
            for job_type, job_id in bulk.canary_jobs:
                self._first.begin(job_type, job_id)
            await self._catch_up()
        else:
            async for letter in self._next(bulk.canary):
                job_id = job_of(letter.service, letter.message).id
                self._first.begin(letter.type, job_id)
                await self._act(letter)
                bulk.canary_jobs.append((letter.type, job_id))
            await self._tools.save(bulk)
        await self._outcome()

    async def _outcome(self) -> None:
        seconds, fates, size = self._tools.canary_seconds, self._first_fates, len(self.bulk.canary_jobs)
        until = time.monotonic() + seconds
        while fates.done < self.bulk.needed:
            failed = fates.dead + fates.failing
            if failed > size - self.bulk.needed:
                raise StoppedError(f"{failed} of the first {size} jobs failed again: the cause is still there")
            if time.monotonic() > until:
                raise StoppedError(f"only {fates.done} of the first {size} jobs were done within {seconds:.0f} s")
            self._check_stop()
            await asyncio.sleep(0.1)

    async def _catch_up(self) -> None:
        for service in {wire.service_of(job_type) for job_type, _ in self.bulk.canary_jobs}:
            async for body in kept(self._tools.connection, wire.events_subject(service), self.bulk.begun):
                told = read_events(body)
                for event in told.events if told else ():
                    self._first.hear(event)

    async def _rest(self) -> None:
        bulk = self.bulk
        async for letter in self._next(None):
            began = time.monotonic()
            await self._act(letter)
            if bulk.kind == "redrive" and (why := self._brake.reason):
                raise StoppedError(why)
            if bulk.per_second:
                await self._pause(began + 1 / bulk.per_second)

    async def _pause(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            self._check_stop()
            await asyncio.sleep(min(left, 0.2))

    async def _next(self, most: int | None) -> AsyncIterator[Letter]:
        """Yield the next letters as the broker has them, at most so many; those that are gone are counted."""
        bulk, count = self.bulk, 0
        while most is None or count < most:
            limit = _BATCH if most is None else min(_BATCH, most - count)
            batch = places(self._tools.index, bulk.wanted, bulk.until, bulk.after, limit)
            if not batch:
                return
            found = 0
            async for letter in letters_at(self._tools.connection, batch):
                self._check_stop()
                yield letter
                found += 1
                bulk.after[letter.service] = letter.sequence
                await self._save_sometimes()
            count += len(batch)
            bulk.gone += len(batch) - found
            bulk.after[batch[-1].service] = batch[-1].sequence

    async def _save_sometimes(self) -> None:
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            await self._tools.save(self.bulk)
            self._saved = time.monotonic()

    async def _act(self, letter: Letter) -> None:
        if self.bulk.kind == "discard":
            self.bulk.acted += await remove(self._tools.connection, letter.place)
            return
        job_id = job_of(letter.service, letter.message).id
        self._all.begin(letter.type, job_id)  # before, since its worker may be done before the broker has answered
        try:
            await self._tools.redrive.one(letter)
        except BaseException:
            self._all.drop(letter.type, job_id)
            self._first.drop(letter.type, job_id)
            raise
        self.bulk.acted += 1

    def _check_stop(self) -> None:
        if self.stop:
            raise StoppedError(self.stop)
