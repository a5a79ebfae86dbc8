"""The object store of a process that was given none: whatever asks for it is told which settings are missing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

from nightshift.objects.object_store import ObjectInfo
from nightshift.outcomes import Permanent

MISSING = "there is no object store: S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY are not set"


class NoObjectStoreError(Permanent):
    """This process has no object store."""


class AbsentObjectStore:
    """Keeps the port `ObjectStore` where there is none."""

    async def probe(self) -> None:
        """Nothing is waited for that nobody needs."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def ensure_bucket(self) -> bool:
        """There is nothing to make."""
        return False

    async def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`."""
        _refuse(key)

    async def read(self, key: str, *, limit: int) -> bytes:
        """See `ObjectStore.read`."""
        del limit
        _refuse(key)

    async def download(self, key: str, path: Path) -> ObjectInfo:
        """See `ObjectStore.download`."""
        del path
        _refuse(key)

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """See `ObjectStore.put`."""
        del data, content_type
        _refuse(key)

    async def upload(self, key: str, path: Path, content_type: str) -> None:
        """See `ObjectStore.upload`."""
        del path, content_type
        _refuse(key)

    async def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        _refuse(key)

    def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        del after
        _refuse(prefix)


def _refuse(key: str) -> NoReturn:
    raise NoObjectStoreError(f"{key!r} is asked for, and {MISSING}")
