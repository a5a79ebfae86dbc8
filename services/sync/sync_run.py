"""One run of a sync job: lease the account, save each page, complete the round. Each step is a short transaction."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift import Job, Skip, Snooze
from nightshift.database import Database
from nightshift.messaging import inbox
from nightshift.retry_after import bounded
from services.sync import checkpoint as rounds
from services.sync.accounts import lock_account, mark_synced, reset_failures, save_checkpoint
from services.sync.checkpoint import Checkpoint, Holder
from services.sync.connector import Account, SourcePage
from services.sync.http.rate_limits import growing_delay
from services.sync.records import REMOVED_PAGE, has_records, has_unseen, mark_seen, remove_unseen, write_records

LEASE = timedelta(minutes=5)
"""How long an account stays leased without a sign of life; longer than any page takes."""
_LOOK_AGAIN = timedelta(seconds=15)
"""Longest wait before another job looks at a leased account again."""


class SyncRun:
    """Leases an account for one run of one job.

    Two concurrent runs of one account would mark as removed what the other has seen. So the checkpoint names the
    holder, and each transaction first checks it on the locked row: a run whose lease was taken over writes nothing.
    Another job waits its turn; the same job, redelivered because its worker died, continues at once.
    """

    def __init__(
        self, database: Database, account: Account, source: str, *, job: Job, now: Callable[[], datetime]
    ) -> None:
        self._database, self._account, self._source = database, account, source
        self._job, self._token, self._now = job, uuid4().hex, now
        self._round = 0

    async def start(self) -> Checkpoint:
        """Lease the account, and continue its round or start one.

        Raises:
            Snooze: another job has it, or the service accepts no requests yet.
            Skip: it was unlinked or switched off, or an earlier delivery of this job has just ended the round.
        """
        now = self._now()
        async with self._database.write() as connection:
            row = await lock_account(connection, self._account.id)
            if await connection.run_sync(inbox.done, [inbox.key_of(self._job)]):
                raise Skip("this job was done by another delivery in the meantime")
            before = rounds.decode(row["checkpoint"])
            self._refuse(before, now)
            checkpoint, fresh = rounds.start_round(before, self._source, now)
            self._round = row["generation"] + 1 if fresh else row["generation"]
            return await self._renew(connection, checkpoint, now)

    async def save_page(self, page: SourcePage) -> Checkpoint:
        """Store a page's records and advance the round.

        If the page is unchanged but some of its records are missing here, forget it, to request it in full.
        """
        now = self._now()
        async with self._database.write() as connection:
            checkpoint = await self._held(connection)
            known = checkpoint.known_page()
            if page.unchanged:
                ids = known.ids if known else ()
                if known is None or not await mark_seen(connection, self._account.id, ids, self._round, now):
                    return await self._renew(connection, rounds.forget_page(checkpoint), now)
            else:
                await write_records(connection, self._account.id, page.records, self._round, now)
            await reset_failures(connection, self._account.id)
            return await self._renew(connection, rounds.advance(checkpoint, page, self._round), now)

    def tell(self, note: str) -> None:
        """Tell whoever watches the job how far it is; nobody knows how many pages there are."""
        self._job.progress(None, note)

    async def turn_to(self, smaller: str) -> Checkpoint:
        """Go on with a smaller page, which begins where the one at the cursor does or before it."""
        async with self._database.write() as connection:
            checkpoint = await self._held(connection)
            turned = msgspec.structs.replace(checkpoint, cursor=smaller, faults=checkpoint.faults + 1)
            return await self._renew(connection, turned, self._now())

    async def pause(self, delay: timedelta | None) -> timedelta:
        """Release the account until the service accepts requests again; return how long that is.

        Without a `delay` from the service it grows with each consecutive rate limit.
        """
        now = self._now()
        async with self._database.write() as connection:
            checkpoint = await self._held(connection)
            wait = bounded(delay if delay is not None else growing_delay(checkpoint.limits))
            limits = checkpoint.limits + 1 if delay is None else checkpoint.limits
            paused = msgspec.structs.replace(checkpoint, not_before=now + wait, limits=limits)
            await self._release(connection, paused, now)
        return wait

    async def abort(self, *, failed: bool = False) -> None:
        """Release the account in the middle of its round; the next run continues there. Do nothing if it is free."""
        now = self._now()
        async with self._database.write() as connection:
            with suppress(Skip, Snooze):  # it is gone, or leased to another run
                checkpoint = await self._held(connection)
                faulty = msgspec.structs.replace(checkpoint, faults=checkpoint.faults + 1) if failed else checkpoint
                await self._release(connection, faulty, now)

    async def look_again(self) -> Checkpoint | None:
        """Begin the round's second look if the first has missed records that it would remove; else return None."""
        async with self._database.write() as connection:
            checkpoint = await self._held(connection)
            if checkpoint.second_look or not await self._may_remove(connection, checkpoint):
                return None
            if not await has_unseen(connection, self._account.id, self._round):
                return None
            return await self._renew(connection, rounds.look_again(checkpoint), self._now())

    async def forget(self) -> int:
        """Mark as removed what both looks through the whole listing have missed; return how many records that were."""
        removed = 0
        while True:
            now = self._now()
            async with self._database.write() as connection:
                checkpoint = await self._held(connection)
                if not await self._may_remove(connection, checkpoint):
                    return removed
                found = await remove_unseen(connection, self._account.id, self._round, now)
                await self._renew(connection, checkpoint, now)
            removed += found
            if found < REMOVED_PAGE:
                return removed

    async def complete(self, connection: AsyncConnection) -> None:
        """End the round, as part of the job's commit; do nothing for an account that was unlinked."""
        try:
            checkpoint = await self._held(connection)
        except Skip:
            return
        empty = checkpoint.whole and checkpoint.records == 0
        completed = rounds.complete_round(checkpoint, self._round, empty=empty)
        await mark_synced(connection, self._account.id, rounds.encode(completed), self._now())

    async def _may_remove(self, connection: AsyncConnection, checkpoint: Checkpoint) -> bool:
        """Tell whether this round may remove anything.

        The first round that saw nothing at all may not: an empty response by mistake (a permission that was withdrawn,
        a server that is starting) looks like an account that was emptied. The next round tells.
        """
        is_first_empty = checkpoint.records == 0 and checkpoint.empty_rounds == 0
        doubtful = is_first_empty and await has_records(connection, self._account.id)
        return checkpoint.whole and not doubtful

    def _refuse(self, before: Checkpoint, now: datetime) -> None:
        same = before.source == self._source
        if same and before.not_before is not None and before.not_before > now:
            raise Snooze(bounded(before.not_before - now), f"{self._account.service} accepts no requests before then")
        holder = before.holder
        if holder is not None and holder.job != self._job.key and now < holder.until <= now + 2 * LEASE:
            raise Snooze(bounded(min(holder.until - now, _LOOK_AGAIN)), "another job is syncing this account")

    async def _held(self, connection: AsyncConnection) -> Checkpoint:
        checkpoint = rounds.decode((await lock_account(connection, self._account.id))["checkpoint"])
        if checkpoint.holder is None or checkpoint.holder.token != self._token:
            raise Snooze(_LOOK_AGAIN, "another run continues with this account")
        return checkpoint

    async def _renew(self, connection: AsyncConnection, checkpoint: Checkpoint, now: datetime) -> Checkpoint:
        holder = Holder(self._job.key, self._token, now + LEASE)
        held = msgspec.structs.replace(checkpoint, holder=holder)
        await save_checkpoint(connection, self._account.id, rounds.encode(held), self._round, now)
        return held

    async def _release(self, connection: AsyncConnection, checkpoint: Checkpoint, now: datetime) -> None:
        free = msgspec.structs.replace(checkpoint, holder=None)
        await save_checkpoint(connection, self._account.id, rounds.encode(free), self._round, now)
