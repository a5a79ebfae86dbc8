"""`S3ObjectStore`: the object store on any S3 server, over the minio library."""

from collections.abc import AsyncIterator
from pathlib import Path

from shared.objects.port import ObjectInfo


class S3ObjectStore:
    """Keeps objects in one bucket of an S3 server."""

    async def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore`."""
        raise NotImplementedError

    async def read(self, key: str, *, limit: int) -> bytes:
        """See `ObjectStore`."""
        raise NotImplementedError

    async def download(self, key: str, path: Path) -> ObjectInfo:
        """See `ObjectStore`."""
        raise NotImplementedError

    async def put(self, key: str, data: bytes, content_type: str) -> ObjectInfo:
        """See `ObjectStore`."""
        raise NotImplementedError

    async def upload(self, key: str, path: Path, content_type: str) -> ObjectInfo:
        """See `ObjectStore`."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        raise NotImplementedError

    def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore`."""
        raise NotImplementedError

    async def ensure_bucket(self) -> None:
        """Creates the bucket where it does not exist."""
        raise NotImplementedError

    async def probe(self) -> None:
        """Tries whether the store answers."""
        raise NotImplementedError

    async def close(self) -> None:
        """Gives back threads and connections."""
        raise NotImplementedError


def open_objects(
    endpoint: str,
    access_key: str,
    secret_key: str,
    bucket: str,
    *,
    region: str = "us-east-1",
) -> S3ObjectStore:
    """Opens a bucket of an S3 server; connects to nothing yet."""
    raise NotImplementedError
