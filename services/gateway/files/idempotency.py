"""Idempotency keys of uploads: the same key again answers with the same file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from schema.tables import files, idempotency_keys
from services.gateway.files.repository import FIND, FileRow, file_of, give_up
from services.gateway.problems import Problem

KEPT = timedelta(hours=24)
DEAD_AFTER = timedelta(seconds=30)
"""An upload of which nothing has come for so long has died with its process or its client."""
_RETRY_SECONDS = 2

_table = idempotency_keys
_THIS = (_table.c.principal == bindparam("principal"), _table.c.key == bindparam("key"))
_FIND = select(_table.c.fingerprint, _table.c.file_id, _table.c.created_at, _table.c.alive_at).where(*_THIS)
_REMOVE = delete(_table).where(*_THIS, _table.c.file_id == bindparam("old"))
_ALIVE = (
    update(_table)
    .where(_table.c.file_id == bindparam("this_id"))
    .values(alive_at=bindparam("now", type_=_table.c.alive_at.type))
)


@dataclass(slots=True, frozen=True)
class IdempotencyKey:
    """A key of a principal, and what it is used for."""

    principal: str
    key: str
    fingerprint: str


def fingerprint(parts: Sequence[object]) -> str:
    """Return what tells one upload from another: a hash over what its head says."""
    return hashlib.sha256("\n".join(repr(part) for part in parts).encode()).hexdigest()


def look_up(connection: Connection, key: IdempotencyKey, now: datetime) -> FileRow | None:
    """Return the file that was uploaded with this key, None where the key is free.

    A key whose upload has died becomes free, and so does one of a deleted file, or of yesterday.

    Raises:
        Problem: `key-reused` for another upload, `in-progress` while its bytes are still coming in.
    """
    this = {"principal": key.principal, "key": key.key}
    found = connection.execute(_FIND, this).first()
    if found is None:
        return None
    row = connection.execute(FIND.where(files.c.id == found.file_id)).mappings().one()
    if row["user_id"] is not None and found.created_at > now - KEPT:
        if found.fingerprint != key.fingerprint:
            raise Problem("key-reused")
        if row["status"] != "pending":
            return file_of(row)
        if found.alive_at > now - DEAD_AFTER or not give_up(connection, found.file_id, now):
            raise Problem("in-progress", retry_after=_RETRY_SECONDS)
    connection.execute(_REMOVE, this | {"old": found.file_id})
    return None


def claim(connection: Connection, key: IdempotencyKey, file_id: str, now: datetime) -> None:
    """Use a free key for a file.

    Raises:
        IntegrityError: somebody else was faster.
    """
    values = {"principal": key.principal, "key": key.key, "fingerprint": key.fingerprint, "file_id": file_id}
    connection.execute(insert(_table), values | {"created_at": now, "alive_at": now})


def keep_alive(connection: Connection, file_id: str, now: datetime) -> None:
    """Note that bytes of this file are coming in."""
    connection.execute(_ALIVE, {"this_id": file_id, "now": now})
