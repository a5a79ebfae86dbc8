"""The row of a linked account: find it, lock it, record progress and errors."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.sync import SyncExternal
from nightshift.config.secret import Secret
from nightshift.database import Database
from nightshift.outcomes import Permanent, Skip
from schema.tables import linked_accounts
from services.sync.connector import Account


class AccountNotFoundError(Exception):
    """No such account (yet): its producer's transaction may still be open."""


_FIND = select(linked_accounts).where(
    linked_accounts.c.user_id == bindparam("this_user"), linked_accounts.c.service == bindparam("this_service")
)
_LOCK = select(linked_accounts).where(linked_accounts.c.id == bindparam("this_id")).with_for_update()


def _update(*columns: str) -> Any:
    new = {linked_accounts.c[name]: bindparam(f"new_{name}", type_=linked_accounts.c[name].type) for name in columns}
    return update(linked_accounts).where(linked_accounts.c.id == bindparam("this_id")).values(new)


_CHECKPOINT = _update("checkpoint", "generation", "updated_at")
_SYNCED = _update("checkpoint", "error", "last_synced_at", "updated_at")
_ERROR = _update("error", "updated_at").where(linked_accounts.c.status == "active")
_REVOKED = _ERROR.values({linked_accounts.c.status: "revoked"})


async def find_account(database: Database, message: SyncExternal) -> Account:
    """Return the account that the message names.

    Raises:
        AccountNotFoundError: it does not exist (yet).
        Skip: it is switched off.
        Permanent: the service refused its credentials before; it has to be linked again.
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
        raise Skip(f"the account of {message.service} is switched off")
    if row["status"] == "revoked":
        raise Permanent(f"the account has to be linked again: {row['error'] or 'its credentials were refused'}")
    return Account(
        row["id"],
        row["user_id"],
        row["service"],
        row["external_account"],
        row["base_url"] or None,
        Secret(row["credentials"]) if row["credentials"] else None,
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


async def mark_synced(connection: AsyncConnection, account_id: str, checkpoint: dict[str, Any], now: datetime) -> None:
    """Record that a round is complete."""
    values = {"new_checkpoint": checkpoint, "new_error": None, "new_last_synced_at": now, "new_updated_at": now}
    await connection.execute(_SYNCED, {"this_id": account_id, **values})


async def mark_refused(database: Database, account: Account, reason: str, now: datetime, *, revoked: bool) -> None:
    """Record on the row why the account cannot be synced; a `revoked` account is not tried again.

    In a transaction of its own, because a dead letter rolls the job's effects back. Credentials that were replaced in
    the meantime are left alone: the refusal was about the old ones.
    """
    secret = account.credentials.reveal() if account.credentials else None
    statement = (_REVOKED if revoked else _ERROR).where(linked_accounts.c.credentials.is_not_distinct_from(secret))
    values = {"this_id": account.id, "new_error": reason, "new_updated_at": now}
    async with database.write() as connection:
        await connection.execute(statement, values)
