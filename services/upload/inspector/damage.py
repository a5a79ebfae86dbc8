"""Tell how much of a damaged image is there: what a browser shows of it is shown, if it is most of it."""

import io
import re
import struct
import zlib
from typing import Any, BinaryIO

from PIL import Image, ImageChops

from services.upload.inspector.jpeg import has_end
from services.upload.inspector.tiff import COMPRESSION, Tiff

_UNCOMPRESSED = 1
_GREY = 128
"""What libjpeg puts where the data ends too early."""
_RIFF_HEAD = 8
_FOUR_LETTERS = re.compile(rb"[A-Za-z0-9 ]{4}")
_PNG_HEAD = 8
_DRAWN = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_JPEG_END = b"\xff\xd9"
_GIF_HEAD, _GIF_IMAGE_HEAD = 13, 9


def is_cut_off(file: BinaryIO, decoder: str, size: int) -> bool:
    """Return whether the end of a file is missing that its decoder has shown without complaint."""
    if decoder == "PNG":
        return not any(kind == b"IEND" for kind, _, _ in _png_chunks(file, size))
    if decoder == "JPEG":
        return not has_end(file)
    return decoder == "GIF" and not _gif_ends(file)


def repaired(file: BinaryIO, decoder: str, size: int) -> BinaryIO | None:
    """Return the file with an end in place of the missing one, where its decoder can go on from that; else None."""
    file.seek(0)
    if decoder == "JPEG":
        return io.BytesIO(file.read() + _JPEG_END)
    if decoder == "PNG":
        return _only_what_is_drawn(file, size)
    if decoder == "WEBP" and (end := _webp_end(file, size)) <= 2 * size:
        body = file.read(end)[_RIFF_HEAD:]
        return io.BytesIO(b"RIFF%b%b" % ((end - _RIFF_HEAD).to_bytes(4, "little"), body.ljust(end - _RIFF_HEAD, b"\0")))
    return None


def share_present(image: Image.Image, file: BinaryIO, decoder: str, size: int, tiff: Tiff | None) -> float:
    """Return the part of a loaded image that was in its file, 0 to 1."""
    if decoder == "WEBP":
        return min(1.0, size / _webp_end(file, size))
    if decoder == "PNG":
        return _png_share(file, size)
    if tiff is not None and tiff.number(COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED:
        return tiff.share_present
    if decoder == "JPEG":
        grey = tuple([_GREY] * len(image.getbands()))
        empty = Image.new(image.mode, image.size, grey if len(grey) > 1 else _GREY)
        return _share_of_rows(ImageChops.difference(image, empty))
    return _share_of_rows(image)


def _share_of_rows(image: Image.Image) -> float:
    """Return the part of the rows that hold anything but zeros."""
    _, rows = image.getprojection()
    return sum(rows) / image.height


def _webp_end(file: BinaryIO, size: int) -> int:
    """Return where the chunks of a WebP end by their own lengths, whatever its first header says of the whole."""
    place = _RIFF_HEAD + 4
    while place + 8 <= size:
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        if not _FOUR_LETTERS.fullmatch(kind):
            break
        place += 8 + length + length % 2
    file.seek(0)
    return place


def _png_chunks(file: BinaryIO, size: int) -> Any:
    """Yield kind, offset and length of the chunks of a PNG, as far as they are whole."""
    place = _PNG_HEAD
    while place + 12 <= size:
        file.seek(place)
        length, kind = struct.unpack(">I4s", file.read(8))
        yield kind, place + 8, min(length, size - place - 8)
        place += 12 + length


def _only_what_is_drawn(file: BinaryIO, size: int) -> BinaryIO | None:
    """Return a PNG without remarks, profiles and later frames: browsers pass over those that make no sense."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, place, length in _png_chunks(file, size):
        if kind in _DRAWN:
            file.seek(place - 8)
            parts.append(file.read(8 + length + 4))
    return io.BytesIO(b"".join(parts)) if len(parts) > 1 else None


def _png_share(file: BinaryIO, size: int) -> float:
    """Return how much of a PNG's pixels can be unpacked, by the number of bytes that they should have."""
    file.seek(_PNG_HEAD + 8)
    try:
        width, height, depth, colour, interlaced = struct.unpack(">IIBB2xB", file.read(13))
    except struct.error:
        return 0.0
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    wanted = height * (1 + (width * channels * depth + 7) // 8)
    unpacker, held = zlib.decompressobj(), 0
    try:
        for kind, place, length in _png_chunks(file, size):
            if kind == b"IDAT":
                file.seek(place)
                held += len(unpacker.decompress(file.read(length)))
    except zlib.error:
        pass
    del interlaced  # the filter bytes of its passes make it a little larger, which does no harm
    return min(1.0, held / max(1, int(wanted)))


def _gif_ends(file: BinaryIO) -> bool:
    """Return whether the blocks of a GIF follow each other to its end (GIF89a, appendix A)."""
    file.seek(_GIF_HEAD - 3)
    _skip_colours(file, file.read(3)[:1])
    while kind := file.read(1):
        if kind == b";":
            return True
        if kind == b",":
            _skip_colours(file, file.read(_GIF_IMAGE_HEAD)[-1:])
        elif kind != b"!":
            return False
        file.seek(1, io.SEEK_CUR)  # the size of a code, or the label of an extension
        while (length := file.read(1)) and length != b"\x00":
            file.seek(length[0], io.SEEK_CUR)
    return False


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 * 2 ** (flags[0] % 8 + 1), io.SEEK_CUR)
