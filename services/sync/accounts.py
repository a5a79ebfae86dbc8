"""The row of a linked account: find it, lock it, record progress and failures."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.sync import SyncExternal
from nightshift import Permanent, Skip
from nightshift.database import Database
from schema.account_keys import AccountKeys
from schema.tables import linked_accounts
from services.sync.connector import Account
from services.sync.credentials import open_credentials
from services.sync.failures import REVOKED, Ending, Failures, count_failure


class AccountNotFoundError(Exception):
    """No such account (yet): its producer's transaction may still be open."""


_FIND = select(linked_accounts).where(
    linked_accounts.c.user_id == bindparam("this_user"), linked_accounts.c.service == bindparam("this_service")
)
_LOCK = select(linked_accounts).where(linked_accounts.c.id == bindparam("this_id")).with_for_update()


def _update(*columns: str) -> Any:
    new = {linked_accounts.c[name]: bindparam(f"new_{name}", type_=linked_accounts.c[name].type) for name in columns}
    return update(linked_accounts).where(linked_accounts.c.id == bindparam("this_id")).values(new)


_NO_FAILURES = {"failures": 0, "refusals": 0, "first_failed_at": None, "retry_at": None}
_CHECKPOINT = _update("checkpoint", "generation", "updated_at")
_SYNCED = _update("checkpoint", "error", "last_synced_at", "updated_at")
_FAILURES = _update("failures", "refusals", "first_failed_at", "retry_at", "error", "updated_at")
_ENDED = _update("status", "error", "updated_at").values(_NO_FAILURES)
_PROGRESS = (
    update(linked_accounts)
    .where(linked_accounts.c.id == bindparam("this_id"), linked_accounts.c.failures > 0)
    .values({**_NO_FAILURES, "error": None})
)


async def find_account(database: Database, message: SyncExternal, keys: Callable[[], AccountKeys]) -> Account:
    """Return the account that the message names, its credentials decrypted.

    Raises:
        Snooze: the key of its credentials is missing.
        AccountNotFoundError: it does not exist (yet).
        Skip: it is switched off.
        Permanent: the service refused its credentials before, or its row is wrong; it has to be linked again.
    """
    async with database.read() as connection:
        found = await connection.execute(_FIND, {"this_user": message.user_id, "this_service": message.service})
        row = found.mappings().one_or_none()
    if row is None:
        raise AccountNotFoundError(
            f"user {message.user_id!r} has no linked account of {message.service}: it is not committed yet, or was "
            "unlinked"
        )
    if row["status"] == "disabled":
        raise Skip(row["error"] or f"the account of {message.service} is switched off")
    if row["status"] == "revoked":
        raise Permanent(row["error"] or "the account has to be linked again: its credentials were refused")
    credentials = row["credentials"] and await open_credentials(database, keys, row["id"], row["credentials"])
    return Account(
        row["id"],
        row["user_id"],
        row["service"],
        row["external_account"],
        row["base_url"] or None,
        credentials.secret if credentials else None,
        credentials.stored if credentials else None,
    )


async def lock_account(connection: AsyncConnection, account_id: str) -> RowMapping:
    """Read and lock the row until the transaction ends.

    Raises:
        Skip: the account was unlinked or switched off in the meantime.
    """
    row = (await connection.execute(_LOCK, {"this_id": account_id})).mappings().one_or_none()
    if row is None or row["status"] != "active":
        raise Skip("the account was unlinked or switched off in the meantime")
    return row


async def save_checkpoint(
    connection: AsyncConnection, account_id: str, checkpoint: dict[str, Any], generation: int, now: datetime
) -> None:
    """Save how far the round has come."""
    values = {"new_checkpoint": checkpoint, "new_generation": generation, "new_updated_at": now}
    await connection.execute(_CHECKPOINT, {"this_id": account_id, **values})


async def reset_failures(connection: AsyncConnection, account_id: str) -> None:
    """Record that the service answers again."""
    await connection.execute(_PROGRESS, {"this_id": account_id})


async def mark_synced(connection: AsyncConnection, account_id: str, checkpoint: dict[str, Any], now: datetime) -> None:
    """Record that a round is complete."""
    values = {"new_checkpoint": checkpoint, "new_error": None, "new_last_synced_at": now, "new_updated_at": now}
    await connection.execute(_SYNCED, {"this_id": account_id, **values})


async def record_failure(
    database: Database, account: Account, error: str, now: datetime, *, refused: bool
) -> tuple[Failures, Failures] | None:
    """Count a failure on the row, and end the account where it was the last; return the count before and after.

    In a transaction of its own, because whatever the job ends with rolls its effects back. Return None for an account
    whose address or credentials were replaced in the meantime: the failure was about the old ones.

    Raises:
        Skip: the account was unlinked or switched off in the meantime.
    """
    async with database.write() as connection:
        row = await lock_account(connection, account.id)
        if _is_changed(account, row):
            return None
        before = Failures(row["failures"], row["refusals"], row["first_failed_at"], row["retry_at"])
        after = count_failure(before, now, refused=refused)
        ending = after.ending(now)
        if ending is not None:
            await _end(connection, account, ending, error, now)
        else:
            counts = {"new_failures": after.failures, "new_refusals": after.refusals, "new_retry_at": after.retry_at}
            values = {**counts, "new_first_failed_at": after.first_failed_at, "new_error": error, "new_updated_at": now}
            await connection.execute(_FAILURES, {"this_id": account.id, **values})
    return before, after


async def revoke(database: Database, account: Account, error: str, now: datetime) -> None:
    """Record that the account cannot be synced before it is linked again, unless it was just changed.

    Raises:
        Skip: the account was unlinked or switched off in the meantime.
    """
    async with database.write() as connection:
        if not _is_changed(account, await lock_account(connection, account.id)):
            await _end(connection, account, REVOKED, error, now)


async def _end(connection: AsyncConnection, account: Account, ending: Ending, error: str, now: datetime) -> None:
    values = {"new_status": ending.status, "new_error": f"{ending.reason}: {error}", "new_updated_at": now}
    await connection.execute(_ENDED, {"this_id": account.id, **values})


def _is_changed(account: Account, row: RowMapping) -> bool:
    names = (row["external_account"], row["base_url"] or None, row["credentials"] or None)
    return names != (account.external_account, account.base_url, account.stored_credentials)
