"""Read the structure of a JPEG without decoding it: its segments, and whether it has an end."""

from collections.abc import Iterator
from typing import BinaryIO

_MARKER, _START_OF_SCAN = 0xFF, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_MAX_SEGMENTS = 10_000
_END = b"\xff\xd9"
_CHUNK_BYTES = 1024 * 1024


def segments(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield marker and place of the segments up to the first scan, that included."""
    place = 2
    for _ in range(_MAX_SEGMENTS):
        file.seek(place)
        head = file.read(4)
        if len(head) < len(b"\xff\xda\x00\x00") or head[0] != _MARKER:
            return
        marker = head[1]
        if marker == _MARKER:  # a filler
            place += 1
            continue
        yield marker, place
        if marker == _START_OF_SCAN:
            return
        place += 2 if marker in _WITHOUT_LENGTH else 2 + int.from_bytes(head[2:4])


def has_end(file: BinaryIO) -> bool:
    """Return whether the mark of the end follows the first scan, or what may be one in it."""
    scan = next((place for marker, place in segments(file) if marker == _START_OF_SCAN), None)
    if scan is None:
        return False
    file.seek(scan)
    last = b""
    while chunk := file.read(_CHUNK_BYTES):
        if _END in last + chunk:
            return True
        last = chunk[-1:]
    return False
