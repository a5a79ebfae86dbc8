"""A round through an account: read all its pages, look again where some records are on none, mark what is gone."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from nightshift import Permanent, Snooze
from nightshift.messaging.paging import TimeLimit
from services.sync.checkpoint import Checkpoint
from services.sync.connector import Account, Connector, LargePageError, RateLimitedError, SourcePage
from services.sync.metrics import SyncMetrics
from services.sync.sync_run import SyncRun

MAX_PAGES = 10_000
"""Maximum pages of one round, for a service whose pages never end."""
_MAKE_WAY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Round:
    """Takes an account's round to its end, from wherever the run before has stopped."""

    connector: Connector
    account: Account
    run: SyncRun
    metrics: SyncMetrics
    limit: TimeLimit

    async def complete(self) -> None:
        """Read what is left of the round, and mark what is gone.

        Raises:
            Snooze: another job has the account, the service accepts no requests now, or the time is over.
            SyncFailedError, SourceRefusedError, Permanent: as `Connector.fetch`; or there are too many pages.
        """
        await self._read_pages(await self.run.start())
        second_look = await self.run.look_again()
        if second_look is not None:
            await self._read_pages(second_look)
        self.metrics.records[self.connector.name, "removed"] += await self.run.forget()
        self.metrics.rounds[self.connector.name] += 1

    async def _read_pages(self, checkpoint: Checkpoint) -> None:
        while not checkpoint.listed:
            page = await self._page(checkpoint)
            if isinstance(page, LargePageError):
                checkpoint = await self.run.turn_to(page.smaller)
            else:
                checkpoint = await self._save(page)
            if self.limit.passed and not checkpoint.listed:
                await self.run.abort()
                raise Snooze(_MAKE_WAY, f"{checkpoint.pages} pages so far; makes way for other accounts")

    async def _page(self, checkpoint: Checkpoint) -> SourcePage | LargePageError:
        """Return the page at the cursor, or the error that says to request a smaller one instead."""
        known = checkpoint.known_page()
        try:
            return await self.connector.fetch(self.account, checkpoint.cursor, known.validators if known else None)
        except RateLimitedError as limited:
            await self._pause(limited.delay, str(limited))
        except LargePageError as error:
            if error.is_likely or checkpoint.faults:
                return error
            raise

    async def _save(self, page: SourcePage) -> Checkpoint:
        name = self.connector.name
        checkpoint = await self.run.save_page(page)
        self.run.tell(f"page {checkpoint.pages:,} of the listing")
        self.metrics.pages[name, "unchanged" if page.unchanged else "changed"] += 1
        self.metrics.records[name, "seen"] += len(page.records)
        if checkpoint.pages >= MAX_PAGES:
            raise Permanent(f"the account has more than {MAX_PAGES:,} pages")
        if page.pause is not None and not checkpoint.listed:
            await self._pause(page.pause, "its rate limit is used up")
        return checkpoint

    async def _pause(self, delay: timedelta | None, reason: str) -> NoReturn:
        name = self.connector.name
        self.metrics.rate_limits[name] += 1
        wait = await self.run.pause(delay)
        raise Snooze(wait, f"{name} accepts no requests for {wait.total_seconds():.0f} s: {reason}")
