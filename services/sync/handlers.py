"""Sync one linked account: the outcome of its job."""

from collections.abc import Callable
from datetime import datetime

from contracts.sync import SyncExternal
from nightshift import Job, Permanent
from nightshift.database import Database
from nightshift.instants import utc_now
from nightshift.messaging.paging import TimeLimit
from nightshift.text import did_you_mean
from schema.account_keys import AccountKeys
from services.sync.accounts import find_account, revoke
from services.sync.checkpoint import source_of
from services.sync.connector import (
    Account,
    Connector,
    Connectors,
    SourceRefusedError,
    SyncFailedError,
)
from services.sync.failing import outcome_of_failure
from services.sync.failures import REVOKED
from services.sync.http.redaction import secrets_hidden
from services.sync.metrics import SyncMetrics
from services.sync.round import Round
from services.sync.sync_run import SyncRun


async def sync_external(
    message: SyncExternal,
    job: Job,
    *,
    database: Database,
    connectors: Connectors,
    metrics: SyncMetrics,
    run_seconds: float,
    keys: Callable[[], AccountKeys] = AccountKeys,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Copy what a user has at an external service; done when a round through all pages is complete.

    Each page is saved with a checkpoint, where the next attempt continues. A rate limit waits until the service
    accepts requests again, and costs no attempt. An account that keeps failing is tried again after growing pauses,
    and in the end marked. No address comes from the message: it names a connector, and the account's row has the rest.
    """
    connector = _connector(connectors, message.service)
    account = await find_account(database, message, keys)
    source = source_of(connector.name, await _start(connector, account, database, metrics, now))
    run = SyncRun(database, account, source, job=job, now=now)
    job.release_at_end(run.abort)
    try:
        with secrets_hidden(account):
            try:
                await Round(connector, account, run, metrics, TimeLimit(run_seconds)).complete()
            except (SyncFailedError, SourceRefusedError, Permanent):
                await run.abort(failed=True)
                raise
    except (SyncFailedError, SourceRefusedError, Permanent) as error:
        raise await outcome_of_failure(error, account, database=database, metrics=metrics, now=now()) from error
    job.run_in_transaction(run.complete)


async def _start(
    connector: Connector, account: Account, database: Database, metrics: SyncMetrics, now: Callable[[], datetime]
) -> str:
    """Return the listing's address; revoke an account that has none that can be requested: that will not pass."""
    try:
        with secrets_hidden(account):
            return connector.start(account)
    except Permanent as invalid:
        await revoke(database, account, str(invalid), now())
        metrics.revoked[connector.name] += 1
        raise Permanent(f"{REVOKED.reason}: {invalid}") from invalid


def _connector(connectors: Connectors, name: str) -> Connector:
    if name in connectors:
        return connectors[name]
    hint = did_you_mean(name, connectors)
    raise Permanent(f"there is no connector for {name!r}{hint} (there are {', '.join(sorted(connectors))})")
