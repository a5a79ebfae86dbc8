"""Find and update the row of an uploaded file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, false, select, update

from contracts.upload import ProcessUpload
from nightshift import Permanent, Skip
from nightshift.database import Database
from schema.tables import files


class FileRowNotFoundError(Exception):
    """No row has this id, or not yet: its producer's transaction may still be open."""


@dataclass(frozen=True, slots=True)
class File:
    """The row before the file is processed; name and declared type are the uploader's."""

    id: str
    user_id: str
    object_key: str
    original_name: str
    content_type: str | None
    metadata: dict[str, Any] | None
    checksum: str | None = None
    processed: bool = False

    @property
    def announced(self) -> str | None:
        """The SHA-256 that its bytes must have: who took it in says so; that of an earlier run says nothing."""
        return None if self.processed else self.checksum


def _new(column: str) -> BindParameter[Any]:
    return bindparam(f"new_{column}", type_=files.c[column].type)


_THIS = (
    files.c.id == bindparam("this_id"),
    files.c.user_id == bindparam("this_user"),
    files.c.object_key == bindparam("this_object"),
)

_FIND = select(
    files.c.id,
    files.c.user_id,
    files.c.object_key,
    files.c.original_name,
    files.c.content_type,
    files.c["metadata"],
    files.c.checksum,
    files.c.processed,
).where(files.c.id == bindparam("this_id"))

PROCESSED = (
    update(files)
    .where(*_THIS)
    .values(
        {
            files.c.status: "processed",
            files.c.processed: True,
            files.c.error: None,
            **{
                files.c[name]: _new(name)
                for name in ("size", "content_type", "checksum", "metadata", "thumbnail_key", "updated_at")
            },
        }
    )
)
"""Records the result (values from `processed`). Does nothing if the row is gone or has another object."""

_FAILED = (
    update(files)
    .where(files.c.id == bindparam("this_id"), files.c.user_id == bindparam("this_user"), files.c.processed == false())
    .values({files.c.status: "failed", files.c.error: _new("error"), files.c.updated_at: _new("updated_at")})
)


async def find_file(database: Database, message: ProcessUpload) -> File:
    """Return the file that the message names.

    Raises:
        FileRowNotFoundError: there is no such row (yet).
        Skip: its owner no longer exists.
        Permanent: it belongs to somebody else.
    """
    async with database.read() as connection:
        row = (await connection.execute(_FIND, {"this_id": message.file_id})).mappings().one_or_none()
    if row is None:
        raise FileRowNotFoundError(
            f"no file has the id {message.file_id!r}: its row is not committed yet, or was deleted"
        )
    if row["user_id"] is None:
        raise Skip(f"the owner of file {message.file_id!r} no longer exists")
    if row["user_id"] != message.user_id:
        raise Permanent(f"file {message.file_id!r} does not belong to user {message.user_id!r}")
    return File(**row)


async def mark_failed(database: Database, message: ProcessUpload, reason: str, now: datetime) -> None:
    """Record on the row why the file was given up on.

    In a transaction of its own, because a dead letter rolls back its job's effects. Repeating it changes nothing, a
    row that another delivery has processed stays as it is, and so does the row of another user.
    """
    values = {"this_id": message.file_id, "this_user": message.user_id, "new_error": reason, "new_updated_at": now}
    async with database.write() as connection:
        await connection.execute(_FAILED, values)


def processed(
    file: File,
    *,
    size: int,
    content_type: str,
    checksum: str,
    metadata: dict[str, Any],
    thumbnail_key: str | None,
    now: datetime,
) -> dict[str, Any]:
    """Return the values of `PROCESSED`: `size` in bytes, `checksum` the SHA-256 in hexadecimal."""
    return _this(file) | {
        "new_size": size,
        "new_content_type": content_type,
        "new_checksum": checksum,
        "new_metadata": metadata,
        "new_thumbnail_key": thumbnail_key,
        "new_updated_at": now,
    }


def _this(file: File) -> dict[str, str]:
    return {"this_id": file.id, "this_user": file.user_id, "this_object": file.object_key}
