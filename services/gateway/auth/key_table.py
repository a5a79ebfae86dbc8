"""The table of API keys, as the operator's commands read and write it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, insert, select, update

from nightshift.database import Database
from schema.tables import api_keys as table
from schema.tables import users
from services.gateway.auth.key_text import NewKey
from services.gateway.auth.principal import Limits

State = Literal["active", "expired", "revoked"]


class UnknownUserError(Exception):
    """A key cannot be bound to a user who does not exist."""


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A key without its secret."""

    id: str
    name: str
    environment: str
    user_id: str | None
    scopes: tuple[str, ...]
    limits: Limits
    state: State
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


async def add(
    database: Database,
    key: NewKey,
    *,
    name: str,
    environment: str,
    user_id: str | None,
    scopes: Sequence[str],
    limits: Limits,
    expires_at: datetime | None,
) -> None:
    """Write a new key down.

    Raises:
        UnknownUserError: there is no such user.
        Unavailable: the database is unavailable.
    """
    row = {
        "id": key.key_id,
        "name": name,
        "environment": environment,
        "digest": key.digest,
        "user_id": user_id,
        "scopes": list(scopes),
        "limits": msgspec.to_builtins(limits),
        "expires_at": expires_at,
    }

    def work(connection: Connection) -> None:
        if user_id is not None and connection.execute(select(users.c.id).where(users.c.id == user_id)).first() is None:
            raise UnknownUserError(user_id)
        connection.execute(insert(table), row)

    await database.commit(work)


async def listed(database: Database, now: datetime) -> list[KeyInfo]:
    """Return every key, the newest last.

    Raises:
        Unavailable: the database is unavailable.
    """
    query = select(table).order_by(table.c.created_at, table.c.id)
    rows = await database.ask(lambda connection: connection.execute(query).mappings().all())
    return [_info(row, now) for row in rows]


async def revoke(database: Database, key_id: str, now: datetime) -> KeyInfo | None:
    """Revoke a key; return it, or None if there is no such key. One that was revoked before stays as it is.

    Raises:
        Unavailable: the database is unavailable.
    """

    def work(connection: Connection) -> Any:
        one = table.c.id == key_id
        connection.execute(update(table).where(one, table.c.revoked_at.is_(None)).values(revoked_at=now))
        return connection.execute(select(table).where(one)).mappings().first()

    row = await database.commit(work)
    return None if row is None else _info(row, now)


def _info(row: Any, now: datetime) -> KeyInfo:
    expired = row["expires_at"] is not None and row["expires_at"] <= now
    return KeyInfo(
        id=row["id"],
        name=row["name"],
        environment=row["environment"],
        user_id=row["user_id"],
        scopes=tuple(row["scopes"]),
        limits=msgspec.convert(row["limits"], Limits),
        state="revoked" if row["revoked_at"] is not None else "expired" if expired else "active",
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )
