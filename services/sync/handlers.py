"""Sync one linked account: save its pages in the database, then mark what is gone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn

from contracts.sync import SyncExternal
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging.job import Job
from nightshift.messaging.paging import TimeLimit
from nightshift.outcomes import Permanent, Snooze
from nightshift.text import did_you_mean
from services.sync.accounts import find_account, mark_refused
from services.sync.checkpoint import Checkpoint, source_of
from services.sync.connector import (
    Account,
    Connector,
    Connectors,
    RateLimitedError,
    SourcePage,
    SourceRefusedError,
    SyncFailedError,
)
from services.sync.http.redaction import secrets_hidden
from services.sync.metrics import SyncMetrics
from services.sync.sync_run import SyncRun

MAX_PAGES = 10_000
"""Maximum pages of one round, for a service whose pages never end."""
_MAKE_WAY = timedelta(seconds=1)


async def sync_external(
    message: SyncExternal,
    job: Job,
    *,
    database: Database,
    connectors: Connectors,
    metrics: SyncMetrics,
    run_seconds: float,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Copy what a user has at an external service; done when a round through all pages is complete.

    Each page is saved with a checkpoint, where the next attempt continues. A rate limit waits until the service
    accepts requests again, and costs no attempt. Refused credentials mark the account and make a dead letter. No
    address comes from the message: it names a connector, and the account's row has the rest.
    """
    connector = _connector(connectors, message.service)
    account = await find_account(database, message)
    try:
        with secrets_hidden(account):
            source = source_of(connector.name, connector.start(account))
            run = SyncRun(database, account, source, job_key=job.key, now=now)
            try:
                await _round(connector, account, run, metrics, TimeLimit(run_seconds))
            except (SyncFailedError, SourceRefusedError, Permanent):
                await run.abort()
                raise
    except SourceRefusedError as refused:
        reason = f"the account has to be linked again: {refused}"
        await mark_refused(database, account, reason, now(), revoked=True)
        metrics.revoked[connector.name] += 1
        raise Permanent(reason) from refused
    except Permanent as permanent:
        await mark_refused(database, account, str(permanent), now(), revoked=False)
        raise
    job.run_in_transaction(run.complete)


async def _round(connector: Connector, account: Account, run: SyncRun, metrics: SyncMetrics, limit: TimeLimit) -> None:
    checkpoint = await run.start()
    while not checkpoint.listed:
        page = await _page(connector, account, run, metrics, checkpoint)
        checkpoint = await run.save_page(page)
        metrics.pages[connector.name, "unchanged" if page.unchanged else "changed"] += 1
        metrics.records[connector.name, "seen"] += len(page.records)
        if checkpoint.pages >= MAX_PAGES:
            raise Permanent(f"the account has more than {MAX_PAGES:,} pages")
        if page.pause is not None and not checkpoint.listed:
            await _pause(connector, run, metrics, page.pause, "its rate limit is used up")
        if limit.passed and not checkpoint.listed:
            await run.abort()
            raise Snooze(_MAKE_WAY, f"{checkpoint.pages} pages so far; makes way for other accounts")
    metrics.records[connector.name, "removed"] += await run.forget()
    metrics.rounds[connector.name] += 1


async def _page(
    connector: Connector, account: Account, run: SyncRun, metrics: SyncMetrics, checkpoint: Checkpoint
) -> SourcePage:
    known = checkpoint.known_page()
    try:
        return await connector.fetch(account, checkpoint.cursor, known.validators if known else None)
    except RateLimitedError as limited:
        await _pause(connector, run, metrics, limited.delay, str(limited))


async def _pause(
    connector: Connector, run: SyncRun, metrics: SyncMetrics, delay: timedelta | None, reason: str
) -> NoReturn:
    metrics.rate_limits[connector.name] += 1
    wait = await run.pause(delay)
    raise Snooze(wait, f"{connector.name} accepts no requests for {wait.total_seconds():.0f} s: {reason}")


def _connector(connectors: Connectors, name: str) -> Connector:
    if name in connectors:
        return connectors[name]
    hint = did_you_mean(name, connectors)
    raise Permanent(f"there is no connector for {name!r}{hint} (there are {', '.join(sorted(connectors))})")
