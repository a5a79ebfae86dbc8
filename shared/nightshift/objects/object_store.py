"""The port `ObjectStore`: what services may ask of an object store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


class ObjectMissingError(Exception):
    """There is no object under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no object {key!r}")
        self.key = key


class ObjectTooLargeError(Exception):
    """The object has more bytes than the caller allows."""

    def __init__(self, key: str, limit: int) -> None:
        super().__init__(f"object {key!r} is larger than {limit} bytes")
        self.key = key
        self.limit = limit


class ObjectStoreRefusedError(Exception):
    """The store understood a request and refuses it: a missing permission, a quota, a forbidden name."""


@dataclass(slots=True, frozen=True)
class ObjectInfo:
    """The properties of an object: `size` in bytes, `modified` an aware UTC datetime.

    `content_type` is empty in the results of `list`, where S3 does not return it.
    """

    key: str
    size: int
    content_type: str
    modified: datetime


class ObjectStore(Protocol):
    """Stores bytes under keys.

    A key is text of 1 to 1,024 bytes in UTF-8: segments between slashes that are neither empty nor `.` or `..`, without
    control characters. Under any other text nothing can be stored (ValueError), so nothing is there. Choose keys so
    that none is the folder of another (`a` and `a/b`): after `a`, a continued listing does not find `a/b` on SeaweedFS.

    Every method raises `Unavailable("objects", …)` when the store cannot be reached, fails on its own
    side, or no longer knows our credentials; and ObjectStoreRefusedError when it forbids this one request.
    """

    async def stat(self, key: str) -> ObjectInfo:
        """Return size, type and age of an object.

        Raises:
            ObjectMissingError: there is none under this key.
        """

    async def read(self, key: str, *, limit: int) -> bytes:
        """Read a whole object of at most `limit` bytes into memory.

        Raises:
            ObjectMissingError: there is none under this key.
            ObjectTooLargeError: it has more than `limit` bytes; no more than that was read.
        """

    async def download(self, key: str, path: Path) -> ObjectInfo:
        """Write an object to a file, in pieces; the file appears only when it is complete.

        Raises:
            ObjectMissingError: there is none under this key.
            OSError: the file cannot be written.
        """

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes under a key, replacing what was there."""

    async def upload(self, key: str, path: Path, content_type: str) -> None:
        """Store a file under a key, in pieces, replacing what was there.

        Raises:
            OSError: the file cannot be read.
        """

    async def delete(self, key: str) -> None:
        """Delete an object; it is no error if there is none."""

    def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """Yield the objects whose keys begin with `prefix`, page by page, each once.

        The order is the store's own and does not change (by key; SeaweedFS goes folder by folder). `after` is a key
        that an earlier call yielded: this one goes on behind it, also if that object is gone.
        """
