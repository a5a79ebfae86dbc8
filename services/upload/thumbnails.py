"""Make thumbnails: from any colour mode, upright, in sRGB, with nothing in the file but pixels."""

import io
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageCms, WebPImagePlugin

_HALF_PRECISION = 256  # 16-bit samples to 8 bits
_QUALITY = 80


class Turn(NamedTuple):
    """The transposition that brings a picture of one orientation upright."""

    method: Image.Transpose | None
    swaps_sides: bool


UPRIGHT = {
    1: Turn(None, swaps_sides=False),
    2: Turn(Image.Transpose.FLIP_LEFT_RIGHT, swaps_sides=False),
    3: Turn(Image.Transpose.ROTATE_180, swaps_sides=False),
    4: Turn(Image.Transpose.FLIP_TOP_BOTTOM, swaps_sides=False),
    5: Turn(Image.Transpose.TRANSPOSE, swaps_sides=True),
    6: Turn(Image.Transpose.ROTATE_270, swaps_sides=True),
    7: Turn(Image.Transpose.TRANSVERSE, swaps_sides=True),
    8: Turn(Image.Transpose.ROTATE_90, swaps_sides=True),
}
"""By the value of EXIF's orientation tag (EXIF 2.32 §4.6.4 A)."""


def small(image: Image.Image, pixels: int) -> Image.Image:
    """Return the image in sRGB, with an alpha channel if it had transparency, its longer side at most `pixels`."""
    transparent = image.has_transparency_data
    profile = image.info.get("icc_profile")
    if image.mode == "RGBA" or (image.mode in {"RGB", "L", "CMYK"} and not transparent):
        picture = image  # no copy of the large one; and a JPEG is scaled while it is decoded
    elif image.mode.startswith(("I", "F")):
        picture = _to_8_bits(image)
    else:
        picture = image.convert("RGBA" if transparent else "RGB")
    picture.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    return _to_srgb(picture, profile, "RGBA" if transparent else "RGB")


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """Return the picture upright."""
    method = UPRIGHT[orientation].method
    return picture if method is None else picture.transpose(method)


def save(picture: Image.Image, path: Path) -> None:
    """Write the pixels as WebP, and nothing else: no EXIF data, no location, no comment."""
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    bare.save(path, WebPImagePlugin.WebPImageFile.format, quality=_QUALITY)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit greys by their range, 32-bit ones and floats from their darkest to their lightest value."""
    if image.mode.startswith("I;16"):
        return image.point(lambda grey: grey * (1 / _HALF_PRECISION)).convert("L")
    low, high = image.getextrema()
    if not isinstance(low, int | float) or not isinstance(high, int | float) or not high > low:
        return image.convert("L")
    scale = 255 / (high - low)
    return image.convert("F").point(lambda grey: grey * scale - low * scale).convert("L")


def _to_srgb(picture: Image.Image, profile: object, mode: str) -> Image.Image:
    if isinstance(profile, bytes) and picture.mode in {"RGB", "RGBA", "CMYK"}:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # a broken profile counts as none
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
            if converted is not None:
                return converted
    return picture if picture.mode == mode else picture.convert(mode)
