"""Download the bytes of an upload and identify them."""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from nightshift import Permanent
from nightshift.objects import ObjectStore
from services.upload.file_type import HEAD_BYTES, sniff


@dataclass(frozen=True, slots=True)
class Source:
    """A downloaded file."""

    path: Path
    size: int
    checksum: str
    """SHA-256 in hexadecimal."""
    content_type: str
    """The type of its bytes."""


async def fetch(objects: ObjectStore, key: str, folder: Path, *, max_bytes: int) -> Source:
    """Stream the object into `folder`, which holds nothing else.

    Raises:
        ObjectMissing: there is no such object (yet).
        Permanent: it is empty, or larger than `max_bytes` (then it is not downloaded).
    """
    _refuse((await objects.stat(key)).size, max_bytes)
    path = folder / "source"
    await objects.download(key, path)
    size = path.stat().st_size
    _refuse(size, max_bytes)  # it may have been replaced meanwhile
    return await asyncio.to_thread(_identify, path, size)


def _refuse(size: int, max_bytes: int) -> None:
    if size == 0:
        raise Permanent("it is empty: 0 bytes were uploaded")
    if size > max_bytes:
        raise Permanent(f"it has {size:,} bytes, more than the {max_bytes:,} that MAX_FILE_BYTES allows")


def _identify(path: Path, size: int) -> Source:
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        return Source(path, size, checksum, sniff(file.read(HEAD_BYTES)))
