"""Read the structure of a TIFF without decoding it: its tags, its pages, and how much of the first page is there."""

import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

_CLASSIC, _BIG = 42, 43
_MAX_PAGES = 10_000
_MAX_TAGS = 4096
_MAX_VALUES = 1_000_000
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q", 17: "q", 18: "Q"}

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
SAMPLES, PLANES, SAMPLE_FORMAT, GDAL_NO_DATA = 277, 284, 339, 42113
_OFFSETS = ((273, 279), (324, 325))
"""The tags of the places and lengths of strips, and of tiles."""


@dataclass(frozen=True, slots=True)
class _Layout:
    order: str
    big: bool

    @property
    def entry_bytes(self) -> int:
        return 20 if self.big else 12


@dataclass(frozen=True, slots=True)
class Tiff:
    """The first page of a TIFF, and how many there are."""

    tags: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    pages: int = 0
    chain_is_whole: bool = True
    """False if the list of pages breaks off."""
    share_present: float = 0.0
    """The part of the first page's data that the file holds, 0 to 1."""

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag as a whole number."""
        value = self.tags.get(tag, (default,))[0]
        return value if isinstance(value, int) else default


def read_tiff(file: BinaryIO, size: int) -> Tiff | None:
    """Return the structure of a TIFF of `size` bytes; None if it has no readable first page."""
    try:
        layout, offset = _header(file)
        tags, offset = _directory(file, layout, offset)
    except (struct.error, ValueError):
        return None
    pages, whole = _count_pages(file, layout, offset)
    return Tiff(tags, pages, whole, _share_present(tags, size))


def _header(file: BinaryIO) -> tuple[_Layout, int]:
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    if not order:
        raise ValueError(head)
    (version,) = struct.unpack(order + "H", head[2:4])
    if version == _BIG:
        return _Layout(order, big=True), struct.unpack(order + "Q", head[8:16])[0]
    if version != _CLASSIC:
        raise ValueError(version)
    return _Layout(order, big=False), struct.unpack(order + "I", head[4:8])[0]


def _entries(file: BinaryIO, layout: _Layout, offset: int) -> tuple[bytes, int]:
    """Return the entries of the directory at `offset`, and the offset of the next one."""
    file.seek(offset)
    (count,) = struct.unpack(layout.order + ("Q" if layout.big else "H"), file.read(8 if layout.big else 2))
    if not 0 < count <= _MAX_TAGS:
        raise ValueError(count)
    entries = file.read(count * layout.entry_bytes)
    if len(entries) < count * layout.entry_bytes:
        raise ValueError(count)
    following = file.read(8 if layout.big else 4)
    if len(following) < (8 if layout.big else 4):
        return entries, 0  # cut off behind its last entry: nothing follows
    return entries, struct.unpack(layout.order + ("Q" if layout.big else "I"), following)[0]


def _directory(file: BinaryIO, layout: _Layout, offset: int) -> tuple[dict[int, tuple[Any, ...]], int]:
    entries, following = _entries(file, layout, offset)
    tags: dict[int, tuple[Any, ...]] = {}
    for start in range(0, len(entries), layout.entry_bytes):
        tag, kind = struct.unpack_from(layout.order + "HH", entries, start)
        values = _values(file, layout, entries[start : start + layout.entry_bytes], kind)
        if values:
            tags[tag] = values
    if not (_is_count(tags.get(WIDTH)) and _is_count(tags.get(HEIGHT))):
        raise ValueError(tags.get(WIDTH))
    return tags, following


def _is_count(values: tuple[Any, ...] | None) -> bool:
    return bool(values) and isinstance(values[0], int) and values[0] > 0  # type: ignore[index]  # bool() has said so


def _values(file: BinaryIO, layout: _Layout, entry: bytes, kind: int) -> tuple[Any, ...]:
    letter = _TYPES.get(kind)
    if letter is None:
        return ()
    count_form, inline = ("Q", entry[12:20]) if layout.big else ("I", entry[8:12])
    (count,) = struct.unpack_from(layout.order + count_form, entry, 4)
    if not 0 < count <= _MAX_VALUES:
        return ()
    form = f"{layout.order}{count}{letter}"
    data = inline
    if struct.calcsize(form) > len(inline):
        file.seek(struct.unpack(layout.order + count_form, inline)[0])
        data = file.read(struct.calcsize(form))
    return struct.unpack_from(form, data) if len(data) >= struct.calcsize(form) else ()


def _count_pages(file: BinaryIO, layout: _Layout, offset: int) -> tuple[int, bool]:
    """Return how many pages there are, the first included, and whether their list ends as it should."""
    pages, seen = 1, set[int]()
    while offset and pages < _MAX_PAGES:
        if offset in seen:
            return pages, False
        seen.add(offset)
        try:
            _, following = _directory(file, layout, offset)
        except (struct.error, ValueError, OSError, OverflowError):
            return pages, False
        pages, offset = pages + 1, following
    return pages, True


def _share_present(tags: dict[int, tuple[Any, ...]], size: int) -> float:
    for offsets, lengths in _OFFSETS:
        if offsets in tags and lengths in tags:
            wanted = sum(tags[lengths])
            held = sum(
                min(length, max(0, size - offset)) for offset, length in zip(tags[offsets], tags[lengths], strict=False)
            )
            return held / wanted if wanted else 0.0
    return 0.0
