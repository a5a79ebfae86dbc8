"""One run at an account: takes it, stores what each page brought, ends the round. Every step a short transaction."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.database import Database
from nightshift.outcomes import Skip, Snooze
from nightshift.retry_after import bounded
from services.sync import checkpoint as steps
from services.sync.accounts import keep_checkpoint, locked, mark_synced
from services.sync.checkpoint import Holder, Progress
from services.sync.connector import Account, SourcePage
from services.sync.http.rate_limits import growing
from services.sync.records import REMOVED_PAGE, has_records, remove_unseen, see_records, write_records

LEASE = timedelta(minutes=5)
"""How long an account counts as being worked at without a sign of life: longer than any page takes."""
_LOOK_AGAIN = timedelta(seconds=15)
"""Who finds an account taken looks again after this at the latest."""


class Visit:
    """Holds an account for one run of one job.

    Two runs at the same account at a time would mark as removed what the other has seen. So the checkpoint says who
    has it, and each transaction begins with a look, on the locked row, whether that is still so: a run that was given
    up for dead and comes back writes nothing. Another job waits its turn; the same job, delivered again because its
    worker died, goes on at once.
    """

    def __init__(
        self, database: Database, account: Account, source: str, *, job_key: str, now: Callable[[], datetime]
    ) -> None:
        self._database, self._account, self._source = database, account, source
        self._job_key, self._token, self._now = job_key, uuid4().hex, now
        self._round = 0

    async def begin(self) -> Progress:
        """Takes the account and goes on with its round, or begins one.

        Raises:
            Snooze: another job has it, or the service wants no requests yet.
            Skip: it was unlinked or switched off.
        """
        now = self._now()
        async with self._database.write() as connection:
            row = await locked(connection, self._account.id)
            before = steps.decode(row["checkpoint"])
            self._refuse(before, now)
            progress, fresh = steps.opened(before, self._source, now)
            self._round = row["generation"] + 1 if fresh else row["generation"]
            return await self._keep(connection, progress, now)

    async def store(self, page: SourcePage) -> Progress:
        """Stores a page and how far the round has come with it.

        An unchanged page of which not all records are there any more is forgotten instead, to be asked for in full.
        """
        now = self._now()
        async with self._database.write() as connection:
            progress = await self._held(connection)
            known = progress.page_known()
            if page.unchanged:
                ids = known.ids if known else ()
                if known is None or not await see_records(connection, self._account.id, ids, self._round, now):
                    return await self._keep(connection, steps.forgotten(progress), now)
            else:
                await write_records(connection, self._account.id, page.records, self._round, now)
            return await self._keep(connection, steps.advanced(progress, page, self._round), now)

    async def rest(self, delay: timedelta | None) -> timedelta:
        """Gives the account up until the service takes requests again; returns how long that is.

        Without a `delay` of the service's own it grows with each refusal.
        """
        now = self._now()
        async with self._database.write() as connection:
            progress = await self._held(connection)
            wait = bounded(delay if delay is not None else growing(progress.limits))
            limits = progress.limits + 1 if delay is None else progress.limits
            resting = msgspec.structs.replace(progress, not_before=now + wait, limits=limits)
            await self._give_up(connection, resting, now)
        return wait

    async def leave(self) -> None:
        """Gives the account up in the middle of its round, for whoever comes next to go on."""
        now = self._now()
        async with self._database.write() as connection:
            with suppress(Skip, Snooze):  # it is gone, or another run's already
                await self._give_up(connection, await self._held(connection), now)

    async def remove(self) -> int:
        """Marks as removed what a round through the whole listing has not seen; returns how many there were.

        A round that saw nothing at all removes nothing the first time: an answer that is empty by mistake (a right
        that was taken away, a half-started server) looks just like an account that was emptied. The next round tells.
        """
        removed = 0
        while True:
            now = self._now()
            async with self._database.write() as connection:
                progress = await self._held(connection)
                if not progress.whole or await self._doubtful(connection, progress):
                    return removed
                found = await remove_unseen(connection, self._account.id, self._round, now)
                await self._keep(connection, progress, now)
            removed += found
            if found < REMOVED_PAGE:
                return removed

    async def finish(self, connection: AsyncConnection) -> None:
        """Ends the round; an effect of the job's own commit, which has nothing to say about an account that is gone."""
        try:
            progress = await self._held(connection)
        except Skip:
            return
        closed = steps.closed(progress, self._round, empty=progress.whole and progress.records == 0)
        await mark_synced(connection, self._account.id, steps.encode(closed), self._now())

    async def _doubtful(self, connection: AsyncConnection, progress: Progress) -> bool:
        first = progress.records == 0 and progress.empty_rounds == 0
        return first and await has_records(connection, self._account.id)

    def _refuse(self, before: Progress, now: datetime) -> None:
        same = before.source == self._source
        if same and before.not_before is not None and before.not_before > now:
            raise Snooze(bounded(before.not_before - now), f"{self._account.service} wants no requests before then")
        holder = before.holder
        if holder is not None and holder.job != self._job_key and now < holder.until <= now + 2 * LEASE:
            raise Snooze(bounded(min(holder.until - now, _LOOK_AGAIN)), "another job is syncing this account")

    async def _held(self, connection: AsyncConnection) -> Progress:
        progress = steps.decode((await locked(connection, self._account.id))["checkpoint"])
        if progress.holder is None or progress.holder.token != self._token:
            raise Snooze(_LOOK_AGAIN, "another run goes on with this account")
        return progress

    async def _keep(self, connection: AsyncConnection, progress: Progress, now: datetime) -> Progress:
        holder = Holder(self._job_key, self._token, now + LEASE)
        held = msgspec.structs.replace(progress, holder=holder)
        await keep_checkpoint(connection, self._account.id, steps.encode(held), self._round, now)
        return held

    async def _give_up(self, connection: AsyncConnection, progress: Progress, now: datetime) -> None:
        free = msgspec.structs.replace(progress, holder=None)
        await keep_checkpoint(connection, self._account.id, steps.encode(free), self._round, now)
