"""An object store in memory for tests; the real store's own tests run on it, too."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from nightshift.objects.keys import check_key
from nightshift.objects.object_store import (
    ObjectInfo,
    ObjectMissingError,
    ObjectStoreRefusedError,
    ObjectTooLargeError,
)
from nightshift.outcomes import Unavailable


class FakeObjectStore:
    """Keep objects in memory.

    `contents` holds the objects by key. Set `unavailable` to a reason, and every call raises `Unavailable`; set
    `refused`, and every call that writes raises `ObjectStoreRefusedError`, which `refusals` counts.
    """

    def __init__(self) -> None:
        self.contents: dict[str, tuple[ObjectInfo, bytes]] = {}
        self.unavailable = ""
        self.refused = ""
        self.refusals = 0

    async def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore`."""
        return (await self._get(key))[0]

    async def read(self, key: str, *, limit: int) -> bytes:
        """See `ObjectStore`."""
        _, data = await self._get(key)
        if len(data) > limit:
            raise ObjectTooLargeError(key, limit)
        return data

    async def download(self, key: str, path: Path) -> ObjectInfo:
        """See `ObjectStore`."""
        info, data = await self._get(key)
        await asyncio.to_thread(path.write_bytes, data)
        return info

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """See `ObjectStore`."""
        check_key(key)
        await self.answer(writing=True)
        info = ObjectInfo(key, len(data), content_type, datetime.now(UTC))
        self.contents[key] = (info, bytes(data))

    async def upload(self, key: str, path: Path, content_type: str) -> None:
        """See `ObjectStore`."""
        check_key(key)
        await self.put(key, await asyncio.to_thread(path.read_bytes), content_type)

    async def delete(self, key: str) -> None:
        """See `ObjectStore`."""
        await self.answer(writing=True)
        self.contents.pop(key, None)

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """See `ObjectStore`."""
        await self.answer()
        for key in sorted(self.contents):
            if key.startswith(prefix) and key > after and key in self.contents:
                yield self.contents[key][0]

    async def _get(self, key: str) -> tuple[ObjectInfo, bytes]:
        await self.answer()
        if key not in self.contents:
            raise ObjectMissingError(key)
        return self.contents[key]

    async def answer(self, *, writing: bool = False) -> None:
        """Let other tasks run, as a real store does; then raise what the test asked for."""
        await asyncio.sleep(0)
        if self.unavailable:
            raise Unavailable("objects", self.unavailable)
        if writing and self.refused:
            self.refusals += 1
            raise ObjectStoreRefusedError(self.refused)
