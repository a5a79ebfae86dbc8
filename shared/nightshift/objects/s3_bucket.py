"""One bucket through the minio library: blocking calls, in bounded pieces, for threads."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from typing import BinaryIO, cast
from uuid import uuid4

from minio import Minio
from minio.datatypes import Object
from minio.error import S3Error
from urllib3 import BaseHTTPResponse

from nightshift.objects.object_store import ObjectInfo, ObjectTooLargeError
from nightshift.objects.s3_client import AbandonedError

_PIECE = 1 << 20
_PART = 16 << 20
"""A larger file is uploaded in parts of this size, one in memory at a time. S3 accepts 10,000 parts."""
_LEAST_PART = 5 << 20
"""S3 requires it; the library also requires it for files that need no parts."""
_BEGINNING = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True, frozen=True)
class Bucket:
    """A bucket of an S3 server; raises what the library raises, and the port's errors about objects."""

    client: Minio
    name: str
    region: str

    def create(self) -> bool:
        """Create it if it does not exist; return whether it was created."""
        if self._exists():
            return False
        try:
            self.client.make_bucket(self.name, self.region)
        except S3Error as error:
            if error.code == "BucketAlreadyOwnedByYou":
                # Another process was faster.
                return False
            raise
        return True

    def _exists(self) -> bool:
        try:
            self.first("probe")
        except S3Error as error:
            if error.code == "NoSuchBucket":
                return False
            raise
        return True

    def first(self, prefix: str) -> None:
        """List the first object with a prefix: unlike the answer to a HEAD, a refusal carries its reason."""
        next(self.client.list_objects(self.name, prefix), None)

    def list(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """Yield objects; request the next page, of a thousand, when the last one is used up."""
        for entry in self.client.list_objects(self.name, prefix, recursive=True, start_after=after or None):
            yield _info(entry)

    def stat(self, key: str) -> ObjectInfo:
        """Return the properties of an object."""
        try:
            return _info(self.client.stat_object(self.name, key))
        except S3Error as error:
            if error.code in {"NoSuchKey", "AccessDenied"}:
                self._ask_why(key)
            raise

    def _ask_why(self, key: str) -> None:
        """Raise the true reason of a failed HEAD, where a missing bucket looks like a missing object."""
        try:
            self.first(key)
        except S3Error as error:
            if error.code != "AccessDenied":
                raise

    def read(self, key: str, limit: int) -> bytes:
        """Read an object of at most `limit` bytes."""
        response = self.client.get_object(self.name, key)
        data = bytearray()
        try:
            if int(response.headers.get("content-length", "0")) > limit:
                raise ObjectTooLargeError(key, limit)
            for piece in response.stream(_PIECE, decode_content=False):
                data += piece
                if len(data) > limit:
                    raise ObjectTooLargeError(key, limit)
        finally:
            _finish(response)
        return bytes(data)

    def download(self, key: str, path: Path, abandoned: Event) -> ObjectInfo:
        """Write an object beside `path`, and moves it there when it is complete."""
        part = path.with_name(f".{uuid4().hex}.part")
        response = self.client.get_object(self.name, key)
        size = 0
        try:
            with part.open("wb") as file:
                for piece in response.stream(_PIECE, decode_content=False):
                    if abandoned.is_set():
                        raise AbandonedError
                    size += file.write(piece)
            part.replace(path)
        finally:
            _finish(response)
            part.unlink(missing_ok=True)
        return ObjectInfo(key, size, response.headers.get("content-type", ""), _modified(response))

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes in one request."""
        part = max(len(data), _LEAST_PART)
        self.client.put_object(self.name, key, io.BytesIO(data), len(data), content_type, part_size=part)

    def upload(self, key: str, path: Path, content_type: str, abandoned: Event) -> None:
        """Store a file, part by part when it is large."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            watched = cast("BinaryIO", _Watched(file, abandoned))
            # One part at a time: more would take threads and memory that nobody counts.
            self.client.put_object(self.name, key, watched, size, content_type, part_size=_PART, num_parallel_uploads=1)

    def delete(self, key: str) -> None:
        """Delete an object; S3 does not say whether there was one."""
        self.client.remove_object(self.name, key)


class _Watched:
    """A file that stops being read when nobody waits for the upload any more."""

    def __init__(self, file: BinaryIO, abandoned: Event) -> None:
        self._file = file
        self._abandoned = abandoned

    def read(self, size: int) -> bytes:
        if self._abandoned.is_set():
            raise AbandonedError
        return self._file.read(size)


def _info(entry: Object) -> ObjectInfo:
    return ObjectInfo(
        key=entry.object_name or "",
        size=entry.size or 0,
        content_type=entry.content_type or "",
        modified=entry.last_modified or _BEGINNING,
    )


def _modified(response: BaseHTTPResponse) -> datetime:
    text = response.headers.get("last-modified")
    return parsedate_to_datetime(text) if text else _BEGINNING


def _finish(response: BaseHTTPResponse) -> None:
    """Return the connection to the pool; one whose answer was not read to its end is closed."""
    response.close()
    response.release_conn()
