"""Read a response's body up to a limit that also applies to the decompressed size."""

import zlib
from collections.abc import Iterator

import httpx

from services.sync.connector import SyncFailedError

_GZIP = 16 + zlib.MAX_WBITS
ACCEPTED = "gzip"


class _Plain:
    """A body without content encoding."""

    def feed(self, chunk: bytes, room: int) -> bytes:
        del room
        return chunk

    def end(self) -> None:
        """Do nothing: the protocol itself detects a body that was cut off."""


class _Gzip:
    """Decompresses a body piece by piece; never produces more than there is room for."""

    def __init__(self) -> None:
        self._unpacking = zlib.decompressobj(_GZIP)
        self._began = False

    def feed(self, chunk: bytes, room: int) -> bytes:
        self._began = self._began or bool(chunk)
        return b"" if self._unpacking.eof else self._unpacking.decompress(chunk, room + 1)

    def end(self) -> None:
        if self._began and not self._unpacking.eof:
            raise SyncFailedError("the answer was cut off: its compressed body has no end")


async def read_body(response: httpx.Response, limit_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        SyncFailedError: it exceeds the limit, has an encoding that was not asked for, or is damaged.
        httpx.HTTPError: the connection broke.
    """
    decoder = _decoder(response.headers.get("content-encoding", ""))
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_raw():
        for piece in _pieces(chunk):
            part = _fed(decoder, piece, limit_bytes - size)
            size += len(part)
            if size > limit_bytes:
                raise SyncFailedError(f"the answer has more than {limit_bytes:,} bytes (SYNC_MAX_PAGE_BYTES)")
            parts.append(part)
    decoder.end()
    return b"".join(parts)


def _pieces(chunk: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    for start in range(0, len(chunk), size):
        yield chunk[start : start + size]


def _fed(decoder: _Plain | _Gzip, chunk: bytes, room: int) -> bytes:
    try:
        return decoder.feed(chunk, room)
    except zlib.error as error:
        raise SyncFailedError(f"the answer's compressed body is damaged: {error}") from None


def _decoder(encoding: str) -> _Plain | _Gzip:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Gzip()
        case other:
            raise SyncFailedError(f"the answer is packed as {other[:40]!r}, which was not asked for")
