"""The port `ObjectTransfers`: bytes of clients on their way into an object store, and out of it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

MAX_PARTS = 10_000
"""The limit of S3 for one multipart upload."""
LEAST_PART_BYTES = 5 << 20
"""S3 requires it of every part but the last."""


class UploadMissingError(Exception):
    """The store has no such multipart upload: it was never begun, or is completed or aborted."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no such multipart upload to {key!r}")
        self.key = key


class WrongLengthError(Exception):
    """Another number of bytes came than was announced; nothing was stored. `came` is None for more."""

    def __init__(self, key: str, announced: int, came: int | None) -> None:
        super().__init__(
            f"object {key!r} was announced with {announced} bytes, {'more' if came is None else came} came"
        )
        self.key, self.announced, self.came = key, announced, came


@dataclass(slots=True, frozen=True)
class Part:
    """A part that the store has: `number` from 1, `size` in bytes, `etag` as the store wants it back."""

    number: int
    size: int
    etag: str


@dataclass(slots=True, frozen=True)
class UnfinishedUpload:
    """A multipart upload that is neither completed nor aborted; `begun` is an aware UTC datetime."""

    key: str
    upload_id: str
    begun: datetime


class ObjectTransfers(Protocol):
    """Takes what clients send into an object store, through this process or directly, and lets them fetch it.

    Keys are those of `ObjectStore`, and so are the errors: every method that asks the store raises
    `Unavailable("objects", …)` or `ObjectStoreRefusedError`. Addresses are computed without asking it.
    """

    async def receive(self, key: str, pieces: AsyncIterator[bytes], *, length: int | None, content_type: str) -> int:
        """Store a stream under a key while it comes, in bounded memory; return its size in bytes.

        `length` is the number of bytes that will come, None where nobody knows; then parts of 8 MiB wait on disk. The
        object appears only when all of it is there: whatever `pieces` raises is raised again, and nothing is stored.

        Raises:
            WrongLengthError: fewer or more bytes came than `length`.
            OSError: no space on this machine's disk for a part.
        """

    async def begin(self, key: str, content_type: str) -> str:
        """Begin a multipart upload; return its id. The store keeps its parts until it is completed or aborted."""

    def part_url(self, key: str, upload_id: str, number: int, *, lifetime: timedelta) -> str:
        """Return the address to which anybody may PUT this part (1 to 10,000), for at most 7 days."""

    async def parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """Return the parts that the store has, by number.

        Raises:
            UploadMissingError: there is no such upload.
        """

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Make the parts one object. Completing again what is completed is no error.

        Raises:
            UploadMissingError: there is no such upload, and no object of this size.
        """

    async def abort(self, key: str, upload_id: str) -> None:
        """Delete an unfinished upload with its parts; it is no error if there is none."""

    def unfinished(self, prefix: str) -> AsyncIterator[UnfinishedUpload]:
        """Yield the unfinished multipart uploads whose keys begin with `prefix`."""

    def download_url(self, key: str, *, file_name: str | None, lifetime: timedelta) -> str:
        """Return the address from which anybody may GET the object, for at most 7 days.

        With a file name a browser saves it under that name instead of showing it.
        """
