"""Works on one bulk, letter by letter: the canary, the others, and what becomes of the jobs.

It may end at any moment, as by `kill -9`: what another process finds in the kept bulk is never ahead of what was done,
and a letter that was published again and not removed yet is published again under the same id.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from nightshift.cli.actions.redrive import BodyExpiresError, remove
from nightshift.cli.queries.dead_letters import Letter, letters_at
from nightshift.console.bulk.following import Following, catch_up, last_told
from nightshift.console.bulk.tools import StoppedError, Tools
from nightshift.console.bulk.work import Brake, Bulk, Fates
from nightshift.console.letters.selection import count_after, places
from nightshift.contract.job_events import JobEvent
from nightshift.worker.in_flight import job_of

SAVE_SECONDS = 1.0
"""While it is worked on, it is kept so often, so that others see that it is."""
_BATCH = 100


class Progress:
    """One bulk that is active; `stop` is why somebody stops it, `ended` is set when its end is kept."""

    def __init__(self, bulk: Bulk, tools: Tools) -> None:
        self.bulk, self._tools, self.stop = bulk, tools, ""
        self.ended = asyncio.Event()
        self._brake = Brake(bulk.share)
        self._all = Following(bulk.fates, lambda good: self._brake.note(good=good))
        self._told_before: int | None = None
        self._first_fates, self._first = _first()
        self._saved = 0.0

    def hear(self, event: JobEvent) -> None:
        """Take in what a worker tells of any job."""
        self._all.hear(event)
        self._first.hear(event)

    async def work(self) -> None:
        """Work to the end; called again after the broker was away, it goes on.

        Raises:
            StoppedError: it was stopped, by a person, its canary or its brake.
            OthersError: another process works on it.
            Unavailable, BrokerRefusedError: the broker is unavailable, or refuses; what was done is kept.
        """
        await self._save()  # whoever else works on it finds that out
        await self._all_known()
        self._account()
        await self._hear_missed()
        if self.bulk.state == "canary":
            await self._canary()
            self.bulk.state = "running"
            await self._save()
        await self._rest()

    async def _all_known(self) -> None:
        """Wait until the index has all letters: after a start it is read anew."""
        follower = self._tools.follower
        while follower.progress.error or follower.progress.share < 1:
            await self._breathe()

    def _account(self) -> None:
        """Count the letters that a process before this one has acted on since it kept the bulk for the last time."""
        bulk = self.bulk
        left = count_after(self._tools.index, bulk.wanted, bulk.until, bulk.after)
        lacking = max(0, bulk.total - left - bulk.acted - bulk.gone - bulk.unsure - bulk.left)
        bulk.unsure += lacking

    async def _hear_missed(self) -> None:
        """Take in what was told while the broker was away from this process."""
        if self._told_before is None:
            self._told_before = await last_told(self._tools.connection)
        else:
            await catch_up(self._tools.connection, self._all, self._told_before)

    async def _canary(self) -> None:
        """Redrive the first letters, and wait until enough of their jobs are done."""
        bulk = self.bulk
        is_new = not bulk.canary_jobs
        if is_new:
            bulk.told_before = await last_told(self._tools.connection)
            first = [_key(letter) async for letter in self._next(bulk.canary, keep_place=True)]
            bulk.canary_jobs = list(dict.fromkeys(first))
            await self._save()
        self._first_fates, self._first = _first()
        for job_type, job_id in bulk.canary_jobs:
            self._first.begin(job_type, job_id)
        if not is_new:
            await catch_up(self._tools.connection, self._first, bulk.told_before)
        chosen = frozenset(bulk.canary_jobs)
        async with aclosing(self._next(None)) as letters:
            async for letter in letters:
                if _key(letter) not in chosen:
                    break
                await self._act(letter)
        await self._save()
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
            await self._breathe()

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
            await self._breathe(left)

    async def _next(self, most: int | None, *, keep_place: bool = False) -> AsyncGenerator[Letter]:
        """Yield the next letters as the broker has them, at most so many; those that are gone are counted.

        `keep_place`: they are only looked at, and come again.
        """
        bulk, count = self.bulk, 0
        after = dict(bulk.after) if keep_place else bulk.after
        while most is None or count < most:
            limit = _BATCH if most is None else min(_BATCH, most - count)
            batch = places(self._tools.index, bulk.wanted, bulk.until, after, limit)
            if not batch:
                await self._all_known()  # it may just be read anew
                batch = places(self._tools.index, bulk.wanted, bulk.until, after, limit)
            if not batch:
                return
            found = 0
            async for letter in letters_at(self._tools.connection, batch):
                self._check_stop()
                yield letter
                found += 1
                after[letter.service] = letter.sequence
                await self._save_sometimes()
            count += len(batch)
            after[batch[-1].service] = batch[-1].sequence
            if not keep_place:
                bulk.gone += len(batch) - found

    async def _breathe(self, most_seconds: float = 0.2) -> None:
        """Wait a little, see whether it is stopped, and show that it is worked on."""
        self._check_stop()
        await self._save_sometimes()
        await asyncio.sleep(min(most_seconds, 0.2))

    async def _save_sometimes(self) -> None:
        if time.monotonic() - self._saved > SAVE_SECONDS:
            await self._save()

    async def _save(self) -> None:
        await self._tools.save(self.bulk)
        self._saved = time.monotonic()

    async def _act(self, letter: Letter) -> None:
        if self.bulk.kind == "discard":
            is_removed = await remove(self._tools.connection, letter.place)
            self.bulk.acted, self.bulk.gone = self.bulk.acted + is_removed, self.bulk.gone + (not is_removed)
            return
        job_type, job_id = _key(letter)
        self._all.begin(job_type, job_id)  # before, since its worker may be done before the broker has answered
        try:
            await self._tools.redrive.one(letter)
        except BodyExpiresError:
            self._drop(job_type, job_id)
            self.bulk.left += 1
        except BaseException:
            self._all.drop(job_type, job_id)
            raise
        else:
            self.bulk.acted += 1

    def _drop(self, job_type: str, job_id: str) -> None:
        """Wait for a job no longer: it does not run."""
        self._all.drop(job_type, job_id)
        self._first.drop(job_type, job_id)
        self.bulk.canary_jobs = [job for job in self.bulk.canary_jobs if job != (job_type, job_id)]

    def _check_stop(self) -> None:
        if self.stop:
            raise StoppedError(self.stop)


def _first() -> tuple[Fates, Following]:
    fates = Fates()
    return fates, Following(fates, lambda _good: None)


def _key(letter: Letter) -> tuple[str, str]:
    return letter.type, job_of(letter.service, letter.message).id
