"""Idempotency keys of uploads: the same key again answers with the same file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from nightshift.gateway.jobs.ids import key_in
from nightshift.gateway.operation import Call
from nightshift.gateway.problems import Problem
from schema.tables import files, idempotency_keys
from services.gateway.files.repository import FIND, FileRow, file_of, give_up

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


def key_of(call: Call, announced: Sequence[object]) -> IdempotencyKey | None:
    """Return the `Idempotency-Key` of a request whose head, or body, says this; None without one.

    Raises:
        Problem: `invalid-id`.
    """
    key = key_in(call.request.headers.get("idempotency-key"))
    if key is None:
        return None
    principal = f"user:{call.principal.user}" if call.principal.user is not None else "application"
    return IdempotencyKey(principal, key, fingerprint(announced))


def known_file(connection: Connection, key: IdempotencyKey, now: datetime) -> FileRow | None:
    """Return the file that was announced with this key, None where the key is free.

    A key of a deleted file becomes free, and so does one of yesterday.

    Raises:
        Problem: `key-reused` for another upload.
    """
    known = _known(connection, key, now)
    return known and known.file


def look_up(connection: Connection, key: IdempotencyKey, now: datetime) -> FileRow | None:
    """Return the file that was uploaded with this key, None where the key is free; one whose upload has died is.

    Raises:
        Problem: `key-reused` for another upload, `in-progress` while its bytes are still coming in.
    """
    known = _known(connection, key, now)
    if known is None:
        return None
    if known.file.status != "pending":
        return known.file
    if known.alive_at > now - DEAD_AFTER or not give_up(connection, known.file.id, now):
        raise Problem("in-progress", retry_after=_RETRY_SECONDS)
    free(connection, key, known.file.id)
    return None


def free(connection: Connection, key: IdempotencyKey, file_id: str) -> None:
    """Forget what a key was used for."""
    connection.execute(_REMOVE, {"principal": key.principal, "key": key.key, "old": file_id})


class _Known(NamedTuple):
    file: FileRow
    alive_at: datetime


def _known(connection: Connection, key: IdempotencyKey, now: datetime) -> _Known | None:
    found = connection.execute(_FIND, {"principal": key.principal, "key": key.key}).first()
    if found is None:
        return None
    row = connection.execute(FIND.where(files.c.id == found.file_id)).mappings().one()
    if row["user_id"] is None or found.created_at <= now - KEPT:
        free(connection, key, found.file_id)
        return None
    if found.fingerprint != key.fingerprint:
        raise Problem("key-reused")
    return _Known(file_of(row), found.alive_at)


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
