"""Inspect an image: its metadata and a thumbnail."""

import warnings
from pathlib import Path
from typing import Any

from PIL import (
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from services.upload import exif
from services.upload.file_type import IMAGES
from services.upload.inspection import ImageLimits, UnreadableFileError
from services.upload.sanitize import clean
from services.upload.thumbnails import UPRIGHT, small, turned

# Imported here, or Pillow imports all of its forty decoders in search of a missing one.
DECODERS = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)

_ANIMATED = ("GIF", "PNG", "WEBP")
_TURNS_ITSELF = "TIFF"  # Pillow's TIFF decoder applies the orientation while loading


def look_into_image(source: Path, content_type: str, limits: ImageLimits) -> tuple[dict[str, Any], Image.Image]:
    """Return the metadata of the image and a thumbnail of its first frame.

    Raises:
        UnreadableFileError: it is broken, or has more pixels than may be decoded.
    """
    decoder = IMAGES[content_type]
    Image.MAX_IMAGE_PIXELS = limits.max_image_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd but readable files
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # given before anything is decoded
        try:
            with Image.open(source, formats=[decoder]) as image:
                return _look(image, decoder, limits)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as refusal:
            raise _too_many_pixels(limits) from refusal
        except UnidentifiedImageError as refusal:
            raise UnreadableFileError(
                f"it begins like a {decoder} image, but is cut off, broken, or of a kind that cannot be decoded"
            ) from refusal
        except MemoryError:
            raise
        except Exception as problem:  # a decoder may raise anything on hostile input
            words = clean(problem) or type(problem).__name__
            raise UnreadableFileError(f"it is a {decoder} image that is broken or cut off: {words}") from problem


def _look(image: Image.Image, decoder: str, limits: ImageLimits) -> tuple[dict[str, Any], Image.Image]:
    width, height = image.size
    metadata: dict[str, Any] = {"kind": "image", "format": decoder, "mode": image.mode}
    metadata |= exif.selection(image)
    orientation = exif.orientation(image)
    metadata["orientation"] = orientation
    metadata |= _frames(image, decoder)
    picture = small(image, limits.thumbnail_pixels)
    if decoder != _TURNS_ITSELF:
        picture = turned(picture, orientation)
        if UPRIGHT[orientation].swaps_sides:
            width, height = height, width
    return metadata | {"width": width, "height": height}, picture


def _frames(image: Image.Image, decoder: str) -> dict[str, int]:
    count = int(getattr(image, "n_frames", 1))
    if decoder == "TIFF":
        return {"pages": count}
    return {"frames": count} if decoder in _ANIMATED and count > 1 else {}


def _too_many_pixels(limits: ImageLimits) -> UnreadableFileError:
    return UnreadableFileError(
        f"it has more pixels than the {limits.max_image_pixels:,} that are decoded (a decompression bomb?); "
        "a larger MAX_IMAGE_PIXELS allows it"
    )
