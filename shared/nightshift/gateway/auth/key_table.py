"""The table of API keys, as the operator's commands read and write it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Table, insert, select, update

from nightshift.database import Database
from nightshift.database.tables import gateway_keys
from nightshift.gateway.auth.key_text import NewKey
from nightshift.gateway.auth.principal import Limits

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


@dataclass(frozen=True, slots=True)
class KeyTable:
    """A table with the columns of `gateway_keys`, and the application's users to whom keys can be bound."""

    table: Table
    users: Table | None = None
    """None: a key may name any user."""

    async def add(
        self,
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
            if user_id is not None and not self._has_user(connection, user_id):
                raise UnknownUserError(user_id)
            connection.execute(insert(self.table), row)

        await database.commit(work)

    async def listed(self, database: Database, now: datetime) -> list[KeyInfo]:
        """Return every key, the newest last.

        Raises:
            Unavailable: the database is unavailable.
        """
        query = select(self.table).order_by(self.table.c.created_at, self.table.c.id)
        rows = await database.ask(lambda connection: connection.execute(query).mappings().all())
        return [_info(row, now) for row in rows]

    async def revoke(self, database: Database, key_id: str, now: datetime) -> KeyInfo | None:
        """Revoke a key; return it, or None if there is no such key. One that was revoked before stays as it is.

        Raises:
            Unavailable: the database is unavailable.
        """

        def work(connection: Connection) -> Any:
            one = self.table.c.id == key_id
            connection.execute(update(self.table).where(one, self.table.c.revoked_at.is_(None)).values(revoked_at=now))
            return connection.execute(select(self.table).where(one)).mappings().first()

        row = await database.commit(work)
        return None if row is None else _info(row, now)

    def _has_user(self, connection: Connection, user_id: str) -> bool:
        if self.users is None:
            return True
        return connection.execute(select(self.users.c.id).where(self.users.c.id == user_id)).first() is not None


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


KEYS = KeyTable(gateway_keys)
"""The library's own table, where the application has none."""
