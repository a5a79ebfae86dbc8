"""`S3ObjectStore`: the object store on any S3 server, over the minio library."""

from collections.abc import AsyncIterator, Callable
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TypeVar

import urllib3

from nightshift.objects.keys import check_key, is_key
from nightshift.objects.object_store import ObjectInfo, ObjectMissingError, ObjectStoreRefusedError
from nightshift.objects.s3_bucket import Bucket
from nightshift.objects.s3_client import Threads, s3_client
from nightshift.objects.s3_errors import s3_errors
from nightshift.objects.s3_keys import SecretKey
from nightshift.outcomes import Unavailable

R = TypeVar("R")

_PAGE = 1000
"""Entries that an S3 server returns at once."""


class S3ObjectStore:
    """Keeps objects in one bucket of an S3 server; an `ObjectStore`. Opened by `open_objects`."""

    def __init__(self, bucket: Bucket, pool: urllib3.PoolManager, *, place: str, threads: int) -> None:
        self.place = place
        """Which server and bucket, for logs and errors."""
        self._bucket = bucket
        self._pool = pool
        self._threads = Threads("objects", threads)

    async def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore`."""
        return await self._on_object(key, lambda _: self._bucket.stat(key))

    async def read(self, key: str, *, limit: int) -> bytes:
        """See `ObjectStore`."""
        return await self._on_object(key, lambda _: self._bucket.read(key, limit))

    async def download(self, key: str, path: Path) -> ObjectInfo:
        """See `ObjectStore`."""
        return await self._on_object(key, lambda abandoned: self._bucket.download(key, path, abandoned))

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """See `ObjectStore`."""
        check_key(key)
        await self._on_object(key, lambda _: self._bucket.put(key, data, content_type))

    async def upload(self, key: str, path: Path, content_type: str) -> None:
        """See `ObjectStore`."""
        check_key(key)
        await self._on_object(key, lambda abandoned: self._bucket.upload(key, path, content_type, abandoned))

    async def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        if is_key(key):
            await self._on_object(key, lambda _: self._bucket.delete(key))

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore`."""
        found = self._bucket.list(prefix, after)
        while page := await self._run("", lambda _: tuple(islice(found, _PAGE))):
            for entry in page:
                # Some servers list folders too.
                if not entry.key.endswith("/"):
                    yield entry

    async def ensure_bucket(self) -> bool:
        """Create the bucket if it does not exist; return whether it was created.

        Raises:
            ObjectStoreRefusedError: we may not, or somebody else has a bucket of this name.
            Unavailable: the server is unavailable, or the keys are wrong.
        """
        return await self._run("", lambda _: self._bucket.create())

    async def probe(self) -> None:
        """Check that the store answers, knows us and has the bucket.

        Raises:
            Unavailable: one of these is not so; the text says which.
        """
        try:
            await self._run("", lambda _: self._bucket.first("probe"))
        except ObjectStoreRefusedError as refused:
            raise Unavailable("objects", str(refused)) from refused

    async def close(self) -> None:
        """Wait for the calls that are still running, and close the connections."""
        await self._threads.close()
        self._pool.clear()

    async def _on_object(self, key: str, work: Callable[[Event], R]) -> R:
        if not is_key(key):
            raise ObjectMissingError(key)
        return await self._run(key, work)

    async def _run(self, key: str, work: Callable[[Event], R]) -> R:
        with s3_errors(self.place, key):
            return await self._threads.run(work)


def open_objects(
    endpoint: str,
    access_key: str,
    secret_key: SecretKey,
    bucket: str,
    *,
    region: str = "us-east-1",
    ca_file: Path | None = None,
    threads: int = 8,
    connect_seconds: float = 3.0,
    read_seconds: float = 15.0,
) -> S3ObjectStore:
    """Open a bucket of an S3 server; connect to nothing yet.

    `endpoint` is `http://host:port` or `https://host`, `ca_file` the authority behind its certificate where it is none
    of the well-known ones. A `secret_key` that may be replaced is a function. `read_seconds` is the longest silence of
    the server, not the time for a whole object.

    Raises:
        ValueError: the endpoint or the region cannot be one.
    """
    client, pool = s3_client(
        endpoint,
        access_key,
        secret_key,
        region=region,
        ca_file=ca_file,
        threads=threads,
        connect_seconds=connect_seconds,
        read_seconds=read_seconds,
    )
    place = f"S3 at {endpoint.rstrip('/')}, bucket {bucket}"
    return S3ObjectStore(Bucket(client, bucket, region), pool, place=place, threads=threads)
