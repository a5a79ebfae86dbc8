"""Show Photoshop documents of 16 bits by a decoder that knows those of 8.

The rows of both are bytes, packed in the same way. So the document is read as one of 8 bits and twice the width, of
whose columns every second one is kept: the samples' higher bytes, which come first (Adobe Photoshop File Formats
Specification, "Image Data").
"""

import struct
from typing import BinaryIO

from PIL import Image

from services.upload.inspector.overlaid import overlaid

_HEAD = struct.Struct(">4sH6xHIIHH")
_WIDTH_AND_DEPTH_AT = 18
_DEEP, _BYTE, _VERSION = 16, 8, 1
_MAX_WIDTH = 30_000
_EVERY_SECOND_COLUMN = (2, 0, -0.5, 0, 1, 0)
"""An affine transformation between the middles of pixels."""


def is_deep(file: BinaryIO) -> bool:
    """Return whether it is a document of 16 bits, and no large one (version 2), whose rows are listed differently."""
    file.seek(0)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return False
    _, version, _, _, width, depth, _ = _HEAD.unpack(head)
    return bool(version == _VERSION and depth == _DEEP and 0 < width <= _MAX_WIDTH)


def as_bytes(file: BinaryIO) -> BinaryIO:
    """Return the document as one of 8 bits and twice the width."""
    file.seek(0)
    _, _, _, _, width, _, _ = _HEAD.unpack(file.read(_HEAD.size))
    file.seek(0)
    return overlaid(file, _WIDTH_AND_DEPTH_AT, struct.pack(">IH", 2 * width, _BYTE))


def high_bytes(image: Image.Image) -> Image.Image:
    """Return the picture of an image that was opened by `as_bytes`."""
    size = image.width // 2, image.height
    return image.transform(size, Image.Transform.AFFINE, _EVERY_SECOND_COLUMN, Image.Resampling.NEAREST)
