"""A file as the gateway shows it."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from nightshift.objects import ObjectTransfers
from services.gateway.files.repository import FileRow

LINK_LIFETIME = timedelta(minutes=5)
_LINK_RENEWAL_SECONDS = 120
"""A client that is told that nothing has changed keeps links that are at most so old."""


class FileBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file: what it is, what became of it, and links to it that are good for five minutes.

    `status` is `pending` until all its bytes are there, then `uploaded`, at the end `processed` or `failed` (then
    `error` says why). `size` in bytes; `checksum` is the SHA-256 in hexadecimal.
    """

    id: str
    user_id: str
    name: str
    status: str
    processing: bool
    processed: bool
    size: int | None
    content_type: str | None
    checksum: str | None
    metadata: dict[str, Any] | None
    error: str | None
    created_at: datetime
    updated_at: datetime | None
    download_url: str | None
    thumbnail_url: str | None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an upload: the file is on our disk, and will be processed."""

    file: FileBody
    processing: bool


class FileView:
    """Shows files, with links into the object store."""

    def __init__(self, transfers: ObjectTransfers, now: Callable[[], datetime]) -> None:
        self._transfers, self._now = transfers, now

    def body(self, file: FileRow) -> FileBody:
        """Return what a client sees of a file."""
        there = file.status != "pending"
        return FileBody(
            id=file.id,
            user_id=file.user_id,
            name=file.original_name,
            status=file.status,
            processing=file.status == "uploaded",
            processed=file.status == "processed",
            size=file.size,
            content_type=file.content_type,
            checksum=file.checksum,
            metadata=file.metadata,
            error=file.error,
            created_at=file.created_at,
            updated_at=file.updated_at,
            download_url=self._link(file.object_key, file.original_name) if there else None,
            thumbnail_url=self._link(file.thumbnail_key, None) if file.thumbnail_key else None,
        )

    def etag(self, file: FileRow) -> str:
        """Return what changes when the file does, and before its links end."""
        age = int(self._now().timestamp()) // _LINK_RENEWAL_SECONDS
        text = f"{version_of(file)}/{age}"
        return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'

    def _link(self, key: str, file_name: str | None) -> str:
        return self._transfers.download_url(key, file_name=file_name, lifetime=LINK_LIFETIME)


def version_of(file: FileRow) -> str:
    """Return a text that names the state of a file: it changes whenever its row does."""
    changed = file.updated_at or file.created_at
    return f"{file.status}-{int(changed.timestamp() * 1_000_000)}"
