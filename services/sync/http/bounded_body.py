"""Read a response's body up to a limit that also applies to the decompressed size, whatever its encoding is called."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx

from services.sync.connector import SyncFailedError, TooLargeError

ACCEPTED = "gzip, deflate"
_MAX_LAYERS = 3
_SLICE = 16 * 1024
_GZIP = b"\x1f\x8b"
_GZIPS, _DEFLATE = frozenset({"gzip", "x-gzip"}), frozenset({"deflate", "x-deflate"})
_NOT_ASKED_FOR = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_TEXT = (b"<", b"{", b"[")
"""How documents begin that are not packed at all, behind white space and byte order marks."""
_BLANKS = b" \t\r\n\xef\xbb\xbf\xff\xfe\0"


@dataclass(frozen=True, slots=True)
class Body:
    """A whole body.

    `is_cut`: there was more of it, which was not read; `is_torn`: its packing breaks off, or is damaged.
    """

    data: bytes
    is_cut: bool = False
    is_torn: bool = False


async def read_body(response: httpx.Response, limit_bytes: int, *, may_cut: bool = False) -> Body:
    """Return the body, unpacked; if it `may_cut`, one that exceeds the limit is cut there, and a torn one is taken.

    Raises:
        TooLargeError: it exceeds the limit.
        SyncFailedError: it is packed in a way that was not asked for, or damaged (with `may_cut`: from the beginning).
        httpx.HTTPError: the connection broke.
    """
    packed = await _read(response, limit_bytes)
    body = unpack(packed.data, response.headers.get("content-encoding", ""), limit_bytes, is_cut=packed.is_cut)
    if may_cut:
        return body
    if body.is_cut:
        raise TooLargeError(f"the response has more than {limit_bytes:,} bytes (SYNC_MAX_PAGE_BYTES)")
    if body.is_torn:
        raise SyncFailedError("the response's compressed body is damaged or cut off")
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
        SyncFailedError: it is packed in a way that was not asked for, or nothing of it can be unpacked.
    """
    body = Body(data, is_cut)
    for name in _layers(content_encoding):
        body = _undone(name, body, limit_bytes)
    if body.data.startswith(_GZIP):  # a file that is packed itself, or a header that was lost on the way
        body = _gunzip(body, limit_bytes)
    return body


def _undone(name: str, body: Body, limit_bytes: int) -> Body:
    if body.data.startswith(_GZIP):
        return _gunzip(body, limit_bytes)
    inflated = _inflate(body, limit_bytes) if name in _DEFLATE else None
    if inflated is not None and not inflated.is_torn:
        return inflated
    if not body.data or body.data.lstrip(_BLANKS)[:1] in _TEXT:
        return body
    if inflated is not None:
        return inflated
    if name in _DEFLATE or name in _GZIPS:
        raise SyncFailedError("the response's compressed body is damaged or cut off")
    if name in _NOT_ASKED_FOR:
        raise SyncFailedError(f"the response is packed as {name!r}, which was not asked for")
    return body


def _layers(content_encoding: str) -> Sequence[str]:
    names = [name.strip().lower()[:40] for name in content_encoding.split(",") if name.strip()]
    if len(names) > _MAX_LAYERS:
        raise SyncFailedError(f"the response is packed {len(names)} times, which was not asked for")
    return list(reversed(names))


def _gunzip(body: Body, limit_bytes: int) -> Body:
    data, parts, room = body.data, list[bytes](), limit_bytes
    is_torn = body.is_torn
    while data.startswith(_GZIP):  # several members may follow each other (RFC 1952 §2.2)
        found = _decompressed(data, 16 + zlib.MAX_WBITS, room)
        if not found.ended and not found.data and not parts:
            raise SyncFailedError("the response's compressed body is damaged or cut off")
        parts.append(found.data[:room])
        if len(found.data) > room:
            return Body(b"".join(parts), is_cut=True, is_torn=is_torn)
        room -= len(found.data)
        data, is_torn = found.behind, is_torn or not (found.ended or body.is_cut)
    return Body(b"".join(parts), body.is_cut, is_torn)


def _inflate(body: Body, limit_bytes: int) -> Body | None:
    """Undo `deflate`: zlib's format (RFC 9110 §8.4.1.2), or the bare stream that some servers send instead."""
    tries = [_decompressed(body.data, window, limit_bytes) for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS)]
    found = next((one for one in tries if one.ended or len(one.data) > limit_bytes), None)
    found = found or next((one for one in tries if one.data), None)
    if found is None:
        return None
    is_cut = body.is_cut or len(found.data) > limit_bytes
    return Body(found.data[:limit_bytes], is_cut, body.is_torn or not (found.ended or is_cut))


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """What a stream held as far as it could be read, and what follows it if it ended."""

    data: bytes
    behind: bytes
    ended: bool


def _decompressed(data: bytes, window: int, room: int) -> _Unpacked:
    """Unpack a stream up to its damage, if any; at most a byte more than there is room for."""
    unpacking, parts, left = zlib.decompressobj(window), list[bytes](), room + 1
    for start in range(0, len(data), _SLICE):
        piece, before = data[start : start + _SLICE], unpacking.copy()
        try:
            parts.append(unpacking.decompress(piece, left))
        except zlib.error:
            parts.append(_up_to_the_damage(before, piece, left))
            return _Unpacked(b"".join(parts), b"", ended=False)
        left -= len(parts[-1])
        if unpacking.eof:
            behind = unpacking.unused_data + data[start + _SLICE :]
            return _Unpacked(b"".join(parts), behind, ended=True)
        if left <= 0:
            break
    return _Unpacked(b"".join(parts), b"", ended=False)


def _up_to_the_damage(unpacking: "zlib._Decompress", piece: bytes, room: int) -> bytes:
    """Unpack byte by byte what zlib gives out in one piece or not at all."""
    parts = list[bytes]()
    with suppress(zlib.error):
        for place in range(len(piece)):
            parts.append(unpacking.decompress(piece[place : place + 1], room))
            room -= len(parts[-1])
            if room <= 0:
                break
    return b"".join(parts)
