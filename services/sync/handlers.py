"""Works off one linked account: page after page into the database, then what is gone."""

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
from services.sync.checkpoint import Progress, source_of
from services.sync.connector import (
    Account,
    Connector,
    Connectors,
    RateLimitedError,
    SourcePage,
    SourceRefusedError,
    SyncFailedError,
)
from services.sync.http.redaction import hidden
from services.sync.metrics import SyncMetrics
from services.sync.sync_run import Visit

MAX_PAGES = 10_000
"""Pages of one round: a service that names a next page for ever is not followed for ever."""
_MAKES_ROOM = timedelta(seconds=1)


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
    """Pulls what a user has at an external service, and ends when a round through all of it is complete.

    Each page is stored with a checkpoint, so whatever comes between, the next attempt goes on from there. A rate
    limit waits until the service takes requests again, and counts no attempt. Refused credentials mark the account
    and are a dead letter. No address comes from the message: it names a connector, and the account's row the rest.
    """
    connector = _connector(connectors, message.service)
    account = await find_account(database, message)
    try:
        with hidden(account):
            source = source_of(connector.name, connector.start(account))
            visit = Visit(database, account, source, job_key=job.key, now=now)
            try:
                await _round(connector, account, visit, metrics, TimeLimit(run_seconds))
            except (SyncFailedError, SourceRefusedError, Permanent):
                await visit.leave()
                raise
    except SourceRefusedError as refused:
        reason = f"the account has to be linked anew: {refused}"
        await mark_refused(database, account, reason, now(), revoked=True)
        metrics.revoked[connector.name,] += 1
        raise Permanent(reason) from refused
    except Permanent as permanent:
        await mark_refused(database, account, str(permanent), now(), revoked=False)
        raise
    job.run_in_transaction(visit.finish)


async def _round(connector: Connector, account: Account, visit: Visit, metrics: SyncMetrics, limit: TimeLimit) -> None:
    progress = await visit.begin()
    while not progress.listed:
        page = await _page(connector, account, visit, metrics, progress)
        progress = await visit.store(page)
        metrics.pages[connector.name, "unchanged" if page.unchanged else "changed"] += 1
        metrics.records[connector.name, "seen"] += len(page.records)
        if progress.pages >= MAX_PAGES:
            raise Permanent(f"the account has more than {MAX_PAGES:,} pages")
        if page.pause is not None and not progress.listed:
            await _rest(connector, visit, metrics, page.pause, "its requests are used up")
        if limit.passed and not progress.listed:
            await visit.leave()
            raise Snooze(_MAKES_ROOM, f"{progress.pages} pages so far; makes room for other accounts")
    metrics.records[connector.name, "removed"] += await visit.remove()
    metrics.rounds[connector.name,] += 1


async def _page(
    connector: Connector, account: Account, visit: Visit, metrics: SyncMetrics, progress: Progress
) -> SourcePage:
    known = progress.page_known()
    try:
        return await connector.fetch(account, progress.cursor, known.validators if known else None)
    except RateLimitedError as limited:
        await _rest(connector, visit, metrics, limited.delay, str(limited))


async def _rest(
    connector: Connector, visit: Visit, metrics: SyncMetrics, delay: timedelta | None, reason: str
) -> NoReturn:
    metrics.rate_limits[connector.name,] += 1
    wait = await visit.rest(delay)
    raise Snooze(wait, f"{connector.name} takes no requests for {wait.total_seconds():.0f} s: {reason}")


def _connector(connectors: Connectors, name: str) -> Connector:
    if name in connectors:
        return connectors[name]
    hint = did_you_mean(name, connectors)
    raise Permanent(f"there is no connector for {name!r}{hint} (there are {', '.join(sorted(connectors))})")
