"""Object transfers in memory for tests; the real ones' own tests run on it, too."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from itertools import count
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from nightshift.objects.fake import FakeObjectStore
from nightshift.objects.keys import check_key
from nightshift.objects.object_transfers import Part, UnfinishedUpload, UploadMissingError, WrongLengthError
from nightshift.objects.pieces import PieceReader


@dataclass(slots=True)
class _Upload:
    key: str
    content_type: str
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    parts: dict[int, bytes] = field(default_factory=dict)


class FakeObjectTransfers:
    """Transfers into a `FakeObjectStore`, whose `unavailable` and `refused` count here, too."""

    def __init__(self, store: FakeObjectStore) -> None:
        self.store = store
        self._uploads: dict[str, _Upload] = {}
        self._numbers = count(1)

    async def receive(self, key: str, pieces: AsyncIterator[bytes], *, length: int | None, content_type: str) -> int:
        """See `ObjectTransfers`."""
        check_key(key)
        await self.store.answer(writing=True)
        reader = PieceReader(pieces)
        data = b""
        async for piece in reader.take(1 << 62 if length is None else length):
            data += piece
        if length is not None and (len(data) < length or await reader.more()):
            raise WrongLengthError(key, length, len(data) if len(data) < length else None)
        await self.store.put(key, data, content_type)
        return len(data)

    async def begin(self, key: str, content_type: str) -> str:
        """See `ObjectTransfers`."""
        check_key(key)
        await self.store.answer(writing=True)
        upload_id = f"upload-{next(self._numbers)}"
        self._uploads[upload_id] = _Upload(key, content_type)
        return upload_id

    def part_url(self, key: str, upload_id: str, number: int, *, lifetime: timedelta) -> str:
        """See `ObjectTransfers`; `put_part` takes what is sent there."""
        return f"memory:///{quote(key)}?partNumber={number}&uploadId={upload_id}&lifetime={lifetime.total_seconds():g}"

    async def put_part(self, url: str, data: bytes) -> int:
        """Store a part under the address of `part_url`; return the HTTP status that an S3 server would."""
        query = dict(parse_qsl(urlsplit(url).query))
        upload = self._uploads.get(query["uploadId"])
        if upload is None:
            return 404
        upload.parts[int(query["partNumber"])] = data
        return 200

    async def parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """See `ObjectTransfers`."""
        upload = await self._upload(key, upload_id)
        return [Part(number, len(data), _etag(data)) for number, data in sorted(upload.parts.items())]

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """See `ObjectTransfers`."""
        size = sum(part.size for part in parts)
        try:
            upload = await self._upload(key, upload_id)
        except UploadMissingError:
            found = self.store.contents.get(key)
            if found is None or found[0].size != size:
                raise
            return
        await self.store.put(key, b"".join(upload.parts[part.number] for part in parts), upload.content_type)
        del self._uploads[upload_id]

    async def abort(self, key: str, upload_id: str) -> None:
        """See `ObjectTransfers`."""
        await self.store.answer(writing=True)
        if upload_id in self._uploads and self._uploads[upload_id].key == key:
            del self._uploads[upload_id]

    async def unfinished(self, prefix: str) -> AsyncIterator[UnfinishedUpload]:
        """See `ObjectTransfers`."""
        await self.store.answer()
        for upload_id, upload in list(self._uploads.items()):
            if upload.key.startswith(prefix):
                yield UnfinishedUpload(upload.key, upload_id, upload.begun)

    def download_url(self, key: str, *, file_name: str | None, lifetime: timedelta) -> str:
        """See `ObjectTransfers`; `get` returns what is there."""
        return f"memory:///{quote(key)}?lifetime={lifetime.total_seconds():g}&name={quote(file_name or '')}"

    async def get(self, url: str) -> bytes:
        """Return the object at an address of `download_url`."""
        key = unquote(urlsplit(url).path[1:])
        return await self.store.read(key, limit=1 << 40)

    async def _upload(self, key: str, upload_id: str) -> _Upload:
        await self.store.answer()
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise UploadMissingError(key)
        return upload


def _etag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'
