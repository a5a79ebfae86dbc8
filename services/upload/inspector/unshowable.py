"""Tell sound images that no decoder here can show from broken ones."""

import struct
from typing import BinaryIO

from services.upload.inspector.fits import why_no_picture
from services.upload.inspector.jpeg import has_end, segments
from services.upload.inspector.tiff import (
    BITS,
    COMPRESSION,
    PHOTOMETRIC,
    SAMPLE_FORMAT,
    SAMPLES,
    Tiff,
)

_FORMATS = {1: "unsigned", 2: "signed", 3: "float", 5: "complex", 6: "complex float"}
_SHOWABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""JPEG frames that the decoder knows: baseline, extended, progressive, and both with arithmetic coding."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_BYTE = 8
_BITMAP_HEAD = 14 + 40
_BITMAP_MASKS = frozenset({3, 6})
_BITMAP_OF_ANOTHER_KIND = frozenset({4, 5})
"""Compressions of a bitmap: fields of bits that are said by masks; a JPEG or a PNG inside, as printers take them."""


def why_not_showable(file: BinaryIO, decoder: str, tiff: Tiff | None) -> str | None:
    """Return why an image that its decoder refused cannot be shown though it is sound; None if it is broken."""
    if decoder == "TIFF":
        return _tiff(tiff) if tiff is not None else None
    if decoder == "JPEG":
        return _jpeg(file)
    if decoder == "FITS":
        return why_no_picture(file)
    head = file.read(_BITMAP_HEAD)
    if decoder == "BMP":
        return _bitmap(head, file.seek(0, 2))
    return _by_head(head, decoder)


def _by_head(head: bytes, decoder: str) -> str | None:
    if decoder == "PNG" and head[12:16] == b"CgBI":
        return "it is a PNG in Apple's own variant for apps"
    if decoder == "PSD" and len(head) >= 26:  # noqa: PLR2004 - the length of its header
        version, depth, mode = struct.unpack_from(">4xH16xHH", head)
        if version == 2 or depth not in {1, 8, 16} or mode not in {0, 1, 2, 3, 4, 9}:  # noqa: PLR2004 - the large variant
            return f"no picture can be made of a Photoshop document of version {version}, {depth} bits, mode {mode}"
    return None


def _bitmap(head: bytes, size: int) -> str | None:
    """Say of a bitmap with all its pixels that they are packed in a way that the decoder does not know."""
    if len(head) < _BITMAP_HEAD:
        return None
    place, _, width, height, bits, compression = struct.unpack_from("<10xIIii2xHI", head)
    row = (width * bits + 31) // 32 * 4
    whole = compression in _BITMAP_MASKS and width > 0 and place + row * abs(height) <= size
    if whole or (compression in _BITMAP_OF_ANOTHER_KIND and place < size):
        return f"no picture can be made of a bitmap with {bits} bits in a pixel and compression {compression}"
    return None


def _tiff(tiff: Tiff) -> str | None:
    if tiff.share_present < 1 or not tiff.chain_is_whole:
        return None
    samples, bits = tiff.number(SAMPLES, 1), tiff.number(BITS, 1)
    kind = _FORMATS.get(tiff.number(SAMPLE_FORMAT, 1), "unknown")
    return (
        f"no picture can be made of a TIFF with {samples} {kind} samples of {bits} bits in a pixel, "
        f"photometric interpretation {tiff.number(PHOTOMETRIC)} and compression {tiff.number(COMPRESSION, 1)}"
    )


def _jpeg(file: BinaryIO) -> str | None:
    for marker, place in segments(file):
        if marker in _FRAMES:
            file.seek(place + 4)
            precision = int.from_bytes(file.read(1))
            if (marker in _SHOWABLE_FRAMES and precision == _BYTE) or not has_end(file):
                return None
            return f"no picture can be made of a JPEG with {precision} bits in a sample and coding process {marker:#x}"
    return None
