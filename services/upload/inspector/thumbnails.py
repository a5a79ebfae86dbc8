"""Make thumbnails: from any colour mode, upright, in sRGB, with nothing in the file but pixels."""

import io
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from PIL import Image, ImageCms, WebPImagePlugin

from services.upload.inspector.greys import Samples, to_8_bits

_QUALITY = 80
_DISPLAY = 2.2
"""The exponent of displays, for which pictures without a word about it are made."""
_GAMMAS = (0.1, 5.0)
"""Beyond these it was written by mistake."""
_USUAL = 0.1


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


def small(image: Image.Image, pixels: int, samples: Samples) -> Image.Image:
    """Return the image in sRGB, with an alpha channel if it had transparency, its longer side at most `pixels`.

    Args:
        image: a picture of any mode; a large one is changed instead of copied.
        pixels: the longer side of the result; a smaller image keeps its size.
        samples: the meaning of samples of more than 8 bits.
    """
    profile = image.info.get("icc_profile")
    if image.mode.startswith(("I", "F")):
        picture = to_8_bits(image, samples)
        transparent = picture.mode == "LA"
    else:
        transparent = image.has_transparency_data
        as_it_is = image.mode == "RGBA" or (image.mode in {"RGB", "L", "CMYK"} and not transparent)
        # No copy of a large image; and a JPEG is scaled while it is decoded.
        picture = image if as_it_is else image.convert("RGBA" if transparent else "RGB")
    picture.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    picture.load()  # an image that is small enough was not read so far, and its file is closed soon
    mode = "RGBA" if transparent else "RGB"
    return _to_srgb(picture, profile, mode) if profile else _usual_gamma(picture.convert(mode), image.info)


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """Return the picture upright."""
    method = UPRIGHT[orientation].method
    return picture if method is None else picture.transpose(method)


def encoded(picture: Image.Image) -> bytes:
    """Return the pixels as a WebP, and nothing else: no EXIF data, no location, no comment."""
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    output = io.BytesIO()
    bare.save(output, WebPImagePlugin.WebPImageFile.format, quality=_QUALITY)
    return output.getvalue()


def _usual_gamma(picture: Image.Image, info: Mapping[str | tuple[int, int], Any]) -> Image.Image:
    """Return a picture that says how bright its samples are meant (PNG 1.2 §4.2.2.1) as bright as others are."""
    gamma = info.get("gamma")
    if not isinstance(gamma, float) or "srgb" in info or not _GAMMAS[0] < gamma < _GAMMAS[1]:
        return picture
    exponent = 1 / (_DISPLAY * gamma)
    if abs(exponent - 1) < _USUAL:
        return picture
    curve = [round(255 * (value / 255) ** exponent) for value in range(256)]
    return picture.point(curve * 3 + list(range(256)) * (len(picture.getbands()) - 3))


def _to_srgb(picture: Image.Image, profile: object, mode: str) -> Image.Image:
    if isinstance(profile, bytes) and picture.mode in {"RGB", "RGBA", "CMYK"}:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # a broken profile counts as none
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
            if converted is not None:
                return converted
    return picture if picture.mode == mode else picture.convert(mode)
