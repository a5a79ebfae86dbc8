"""The rows of files: found, announced, completed, given up. Every transaction of an upload is here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update

from nightshift.database import Database
from nightshift.database.tables import outbox
from schema.tables import NEVER_COMPLETED, files, idempotency_keys, users
from services.gateway.files.object_keys import object_key

_COLUMNS = (
    files.c.id,
    files.c.user_id,
    files.c.object_key,
    files.c.original_name,
    files.c.size,
    files.c.content_type,
    files.c.checksum,
    files.c.status,
    files.c.metadata,
    files.c.thumbnail_key,
    files.c.error,
    files.c.created_at,
    files.c.updated_at,
)
_OWNED = files.c.user_id.is_not(None)
FIND = select(*_COLUMNS)
_FIND_MANY = FIND.where(files.c.id.in_(bindparam("ids", expanding=True)), _OWNED)
_IS_USER = select(users.c.id).where(users.c.id == bindparam("user"))
_PENDING = (files.c.id == bindparam("this_id"), files.c.status == "pending")
_COMPLETE = (
    update(files)
    .where(*_PENDING, files.c.user_id == bindparam("this_user"))
    .values(
        status="uploaded",
        size=bindparam("new_size"),
        checksum=bindparam("new_checksum"),
        updated_at=bindparam("new_updated_at", type_=files.c.updated_at.type),
    )
)
_GIVE_UP = (
    update(files)
    .where(*_PENDING)
    .values(
        user_id=None,
        status="failed",
        error=NEVER_COMPLETED,
        updated_at=bindparam("new_updated_at", type_=files.c.updated_at.type),
    )
)
_FORGET_KEY = delete(idempotency_keys).where(idempotency_keys.c.file_id == bindparam("this_id"))
_DISOWN = update(files).where(files.c.id == bindparam("this_id"), _OWNED).values(user_id=None)
_USED = select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(
    files.c.user_id == bindparam("user"), files.c.created_at >= bindparam("since", type_=files.c.created_at.type)
)
_FORGET_OUTBOX = delete(outbox).where(outbox.c.id == bindparam("this_id"))


@dataclass(slots=True, frozen=True)
class FileRow:
    """A file as its row says; `size` in bytes, `checksum` the SHA-256 in hexadecimal."""

    id: str
    user_id: str
    object_key: str
    original_name: str
    size: int | None
    content_type: str | None
    checksum: str | None
    status: str
    metadata: dict[str, Any] | None
    thumbnail_key: str | None
    error: str | None
    created_at: datetime
    updated_at: datetime | None

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in {"processed", "failed"}


def file_of(row: RowMapping) -> FileRow:
    """Return the file of a row that `FIND` found."""
    return FileRow(**row)


async def find_file(database: Database, file_id: str) -> FileRow | None:
    """Return a file that has an owner, None where there is none of this id."""
    return next(iter(await find_files(database, [file_id])), None)


async def find_files(database: Database, ids: Sequence[str]) -> list[FileRow]:
    """Return those of these files that have an owner."""
    rows = await database.ask(lambda connection: connection.execute(_FIND_MANY, {"ids": ids}).mappings().all())
    return [file_of(row) for row in rows]


def is_user(connection: Connection, user: str) -> bool:
    """Return whether there is such a user."""
    return connection.execute(_IS_USER, {"user": user}).first() is not None


def used_since(connection: Connection, user: str, since: datetime) -> tuple[int, int]:
    """Return how many files a user has uploaded or announced since an instant, and how many bytes."""
    count, size = connection.execute(_USED, {"user": user, "since": since}).one()
    return int(count), int(size)


def lock_user(connection: Connection, user: str) -> None:
    """Let others who count what this user has used wait for this transaction; SQLite has one writer anyway."""
    connection.execute(_IS_USER.with_for_update(), {"user": user})


def new_file(user: str, *, name: str, content_type: str, size: int | None, now: datetime) -> FileRow:
    """Return a file whose bytes are to come, with an id and an object key that nobody else has."""
    file_id = uuid4().hex
    return FileRow(
        id=file_id,
        user_id=user,
        object_key=object_key(user, file_id),
        original_name=name,
        size=size,
        content_type=content_type,
        checksum=None,
        status="pending",
        metadata=None,
        thumbnail_key=None,
        error=None,
        created_at=now,
        updated_at=None,
    )


def insert_file(connection: Connection, file: FileRow) -> None:
    """Write the row of a new file."""
    connection.execute(insert(files), {column.name: getattr(file, column.name) for column in _COLUMNS})


def complete(
    connection: Connection, file: FileRow, *, size: int, checksum: str | None, job: dict[str, Any], now: datetime
) -> bool:
    """Record that a file's object is there, and write the outbox row of its job; return False if it is gone meanwhile.

    Completing again what is complete changes nothing: the answer to the first commit may have been lost.
    """
    this = {"this_id": file.id, "this_user": file.user_id}
    values = {"new_size": size, "new_checksum": checksum, "new_updated_at": now}
    if connection.execute(_COMPLETE, this | values).rowcount:
        connection.execute(insert(outbox), job)
        return True
    row = connection.execute(FIND.where(files.c.id == file.id)).mappings().first()
    return row is not None and row["user_id"] == file.user_id and row["status"] != "pending"


def forget_outbox_row(connection: Connection, row_id: str) -> None:
    """Forget a job that the broker has."""
    connection.execute(_FORGET_OUTBOX, {"this_id": row_id})


def give_up(connection: Connection, file_id: str, now: datetime) -> bool:
    """Give up a file that is still pending, and free its key; return False if it is not pending any more.

    From now on it has no owner: the cleanup removes it with its object.
    """
    given_up = connection.execute(_GIVE_UP, {"this_id": file_id, "new_updated_at": now}).rowcount > 0
    if given_up:
        connection.execute(_FORGET_KEY, {"this_id": file_id})
    return given_up


def disown(connection: Connection, file_id: str) -> bool:
    """Take a file from its owner, so that the cleanup removes it; return whether it had one."""
    return bool(connection.execute(_DISOWN, {"this_id": file_id}).rowcount)
