"""Read a response's body up to a limit that also applies to the decompressed size, whatever its encoding is called."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx

from services.sync.connector import SyncFailedError, TooLargeError

ACCEPTED = "gzip, deflate"
_MAX_LAYERS = 3
_GZIP = b"\x1f\x8b"
_GZIPS, _DEFLATE = frozenset({"gzip", "x-gzip"}), frozenset({"deflate", "x-deflate"})
_NOT_ASKED_FOR = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_TEXT = (b"<", b"{", b"[")
"""How documents begin that are not packed at all, behind white space and byte order marks."""
_BLANKS = b" \t\r\n\xef\xbb\xbf\xff\xfe\0"


@dataclass(frozen=True, slots=True)
class Body:
    """A whole body; `is_cut`: there was more of it, which was not read."""

    data: bytes
    is_cut: bool = False


async def read_body(response: httpx.Response, limit_bytes: int, *, may_cut: bool = False) -> Body:
    """Return the body, unpacked; one that exceeds the limit is cut there if it `may_cut`.

    Raises:
        TooLargeError: it exceeds the limit.
        SyncFailedError: it is packed in a way that was not asked for, or is damaged.
        httpx.HTTPError: the connection broke.
    """
    packed = await _read(response, limit_bytes)
    body = unpack(packed.data, response.headers.get("content-encoding", ""), limit_bytes, is_cut=packed.is_cut)
    if body.is_cut and not may_cut:
        raise TooLargeError(f"the response has more than {limit_bytes:,} bytes (SYNC_MAX_PAGE_BYTES)")
    return body


async def _read(response: httpx.Response, limit_bytes: int) -> Body:
    parts: list[bytes] = []
    room = limit_bytes
    async for chunk in response.aiter_raw():
        parts.append(chunk[:room])
        if len(chunk) > room:
            return Body(b"".join(parts), is_cut=True)
        room -= len(chunk)
    return Body(b"".join(parts))


def unpack(data: bytes, content_encoding: str, limit_bytes: int, *, is_cut: bool = False) -> Body:
    """Undo content encodings, the last one first.

    What a body is called counts less than what it is: servers call plain bodies packed, and packed ones plain, and
    name things that are no content encodings (`utf-8`, `aws-chunked`). `is_cut` tells that its end is missing.

    Raises:
        SyncFailedError: it is packed in a way that was not asked for, or is damaged.
    """
    for name in _layers(content_encoding):
        data, is_cut = _undone(name, data, limit_bytes, is_cut=is_cut)
    if data.startswith(_GZIP):  # a file that is packed itself, or a header that was lost on the way
        data, is_cut = _gunzip(data, limit_bytes, is_cut=is_cut)
    return Body(data, is_cut)


def _undone(name: str, data: bytes, limit_bytes: int, *, is_cut: bool) -> tuple[bytes, bool]:
    if data.startswith(_GZIP):
        return _gunzip(data, limit_bytes, is_cut=is_cut)
    if name in _DEFLATE:
        # zlib's format (RFC 9110 §8.4.1.2), or the bare stream that some servers send instead.
        for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
            with suppress(SyncFailedError):
                return _inflate(data, window, limit_bytes, is_cut=is_cut)
    if not data or data.lstrip(_BLANKS)[:1] in _TEXT:
        return data, is_cut
    if name in _DEFLATE or name in _GZIPS:
        raise SyncFailedError("the response's compressed body is damaged or cut off")
    if name in _NOT_ASKED_FOR:
        raise SyncFailedError(f"the response is packed as {name!r}, which was not asked for")
    return data, is_cut


def _layers(content_encoding: str) -> Sequence[str]:
    names = [name.strip().lower()[:40] for name in content_encoding.split(",") if name.strip()]
    if len(names) > _MAX_LAYERS:
        raise SyncFailedError(f"the response is packed {len(names)} times, which was not asked for")
    return list(reversed(names))


def _gunzip(data: bytes, limit_bytes: int, *, is_cut: bool) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    room = limit_bytes
    while data.startswith(_GZIP):  # several members may follow each other (RFC 1952 §2.2)
        part, data, ended = _decompressed(data, 16 + zlib.MAX_WBITS, room)
        parts.append(part[:room])
        if len(part) > room:
            return b"".join(parts), True
        room -= len(part)
        if not ended and not is_cut:
            raise SyncFailedError("the response was cut off: its compressed body has no end")
    return b"".join(parts), is_cut


def _inflate(data: bytes, window: int, limit_bytes: int, *, is_cut: bool) -> tuple[bytes, bool]:
    part, _, ended = _decompressed(data, window, limit_bytes)
    if len(part) > limit_bytes:
        return part[:limit_bytes], True
    if not ended and not is_cut:
        raise SyncFailedError("the response was cut off: its compressed body has no end")
    return part, is_cut


def _decompressed(data: bytes, window: int, room: int) -> tuple[bytes, bytes, bool]:
    """Return at most a byte more than there is room for, what follows the stream, and whether it ended."""
    unpacking = zlib.decompressobj(window)
    try:
        return unpacking.decompress(data, room + 1), unpacking.unused_data, unpacking.eof
    except zlib.error as error:
        raise SyncFailedError(f"the response's compressed body is damaged: {error}") from None
