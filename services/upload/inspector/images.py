"""Inspect an image: its metadata and a thumbnail of its first frame."""

import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    FitsImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from services.upload.file_type import IMAGES
from services.upload.inspection import ImageLimits, UnreadableFileError
from services.upload.inspector import damage, exif, photoshop
from services.upload.inspector.fits import image_header, why_no_picture
from services.upload.inspector.overlaid import overlaid
from services.upload.inspector.samples import samples_of
from services.upload.inspector.thumbnails import UPRIGHT, small, turned
from services.upload.inspector.tiff import BITS, PLANES, Tiff, read_tiff
from services.upload.inspector.tiff_modes import learn_modes
from services.upload.inspector.unshowable import why_not_showable
from services.upload.sanitize import clean

# Imported here, or Pillow imports all of its forty decoders in search of a missing one.
DECODERS = (
    AvifImagePlugin,
    BmpImagePlugin,
    FitsImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

_ANIMATED = ("AVIF", "GIF", "PNG", "WEBP")
_TURNS_ITSELF = "TIFF"  # Pillow's TIFF decoder applies the orientation while loading
_MAX_TEXT_BYTES = 64 * 1024 * 1024
_CURSOR, _ICON = b"\0\0\2", b"\0\0\1"
_BYTE = 8
_ENOUGH = 0.75
"""The part of a damaged image that must be there for it to be shown."""

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # this process may not start any
learn_modes()


@dataclass(frozen=True, slots=True)
class _Subject:
    """An image file, and what is known of it before its decoder sees it."""

    file: BinaryIO
    decoder: str
    size: int
    limits: ImageLimits
    tiff: Tiff | None
    is_deep_photoshop: bool = False


def look_into_image(
    file: BinaryIO, content_type: str, limits: ImageLimits
) -> tuple[dict[str, Any], Image.Image | None]:
    """Return the metadata of the image and a thumbnail; no thumbnail if it is sound but cannot be shown.

    Raises:
        UnreadableFileError: it is broken, or has more pixels than may be decoded.
    """
    decoder = IMAGES[content_type]
    size = file.seek(0, 2)
    tiff = read_tiff(file, size) if decoder == "TIFF" else None
    subject = _Subject(file, decoder, size, limits, tiff, decoder == "PSD" and photoshop.is_deep(file))
    Image.MAX_IMAGE_PIXELS = limits.max_image_pixels * (2 if subject.is_deep_photoshop else 1)
    # Pillow's own reader takes a plane of 16 bits for one of 8.
    TiffImagePlugin.READ_LIBTIFF = tiff is not None and tiff.number(PLANES, 1) != 1 and tiff.number(BITS, 1) > _BYTE
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _MAX_TEXT_BYTES
    if decoder == "FITS" and image_header(file) is None:  # its decoder would take a table for an image
        return {"kind": "image", "format": decoder, "notShown": why_no_picture(file)}, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd but readable files
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # given before anything is decoded
        try:
            return _decoded(subject)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as refusal:
            raise _too_many_pixels(limits) from refusal
        except (MemoryError, ImportError):
            raise
        except Exception as problem:  # noqa: BLE001 - a decoder may raise anything on hostile input
            return _otherwise(subject, problem)


def _decoded(subject: _Subject) -> tuple[dict[str, Any], Image.Image]:
    with Image.open(_opened(subject), formats=[subject.decoder]) as image:
        metadata, picture = _look(image, subject)
    if damage.is_cut_off(subject.file, subject.decoder, subject.size):
        metadata["damaged"] = True
    return metadata, picture


def _otherwise(subject: _Subject, problem: Exception) -> tuple[dict[str, Any], Image.Image | None]:
    """Return what can be said of an image that its decoder refuses: it cannot be shown, or not whole.

    Raises:
        UnreadableFileError: it is broken.
    """
    if why := why_not_showable(_rewound(subject.file), subject.decoder, subject.tiff):
        return {"kind": "image", "format": subject.decoder, "notShown": why}, None
    try:
        salvaged = _salvaged(subject)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as refusal:
        raise _too_many_pixels(subject.limits) from refusal
    except (MemoryError, ImportError):
        raise
    except Exception:  # noqa: BLE001 - as above; what was wrong at first says more
        salvaged = None
    if salvaged is not None:
        return salvaged
    if isinstance(problem, UnidentifiedImageError):
        raise UnreadableFileError(
            f"it begins like a {subject.decoder} image, but is cut off, broken, or of a kind that cannot be decoded"
        ) from problem
    words = clean(problem) or "what it says of itself does not fit together"
    raise UnreadableFileError(f"it is a {subject.decoder} image that is broken or cut off: {words}") from problem


def _salvaged(subject: _Subject) -> tuple[dict[str, Any], Image.Image] | None:
    """Return what a damaged image still shows, as browsers do, if most of it is there."""
    repaired = damage.repaired(subject.file, subject.decoder, subject.size)
    if subject.decoder == "PNG":  # its decoder goes on by itself behind most faults
        with suppress(SyntaxError, ValueError, OSError, IndexError, struct.error):
            return _shown_as_far_as_it_goes(subject, _opened(subject), is_whole=False)
    return _shown_as_far_as_it_goes(subject, repaired or _opened(subject), is_whole=repaired is not None)


def _shown_as_far_as_it_goes(
    subject: _Subject, source: BinaryIO, *, is_whole: bool
) -> tuple[dict[str, Any], Image.Image] | None:
    # A repaired file has to be read without a fault: what its decoder fills in is then known.
    ImageFile.LOAD_TRUNCATED_IMAGES = not is_whole
    try:
        with Image.open(source, formats=[subject.decoder]) as image:
            image.load()
            if damage.share_present(image, subject.file, subject.decoder, subject.size, subject.tiff) < _ENOUGH:
                return None
            metadata, picture = _look(image, subject)
            return metadata | {"damaged": True}, picture
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _look(image: Image.Image, subject: _Subject) -> tuple[dict[str, Any], Image.Image]:
    metadata: dict[str, Any] = {"kind": "image", "format": subject.decoder, "mode": image.mode}
    metadata |= exif.selection(image)
    orientation = exif.orientation(image)
    metadata["orientation"] = orientation
    if subject.is_deep_photoshop:
        image = photoshop.high_bytes(image)
    width, height = image.size
    picture = small(image, subject.limits.thumbnail_pixels, samples_of(image, subject.file, subject.tiff))
    metadata |= _frames(image, subject)
    if subject.decoder != _TURNS_ITSELF:
        picture = turned(picture, orientation)
        if UPRIGHT[orientation].swaps_sides:
            width, height = height, width
    return metadata | {"width": width, "height": height}, picture


def _frames(image: Image.Image, subject: _Subject) -> dict[str, Any]:
    if subject.tiff is not None:
        pages = {"pages": subject.tiff.pages}
        return pages if subject.tiff.chain_is_whole else pages | {"damaged": True}
    if subject.decoder not in _ANIMATED:
        return {}
    try:
        count = int(getattr(image, "n_frames", 1))
    except Exception:  # noqa: BLE001 - a later frame is broken, the first one is shown
        return {"damaged": True}
    return {"frames": count} if count > 1 else {}


def _rewound(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file


def _opened(subject: _Subject) -> BinaryIO:
    """Return the file as its decoder takes it: a cursor is an icon with another number in its third byte."""
    file = _rewound(subject.file)
    if subject.decoder == "ICO" and file.read(len(_CURSOR)) == _CURSOR:
        return overlaid(_rewound(file), 0, _ICON)
    if subject.decoder == "PSD" and subject.is_deep_photoshop:
        return photoshop.as_bytes(file)
    return _rewound(file)


def _too_many_pixels(limits: ImageLimits) -> UnreadableFileError:
    return UnreadableFileError(
        f"it has more pixels than the {limits.max_image_pixels:,} that are decoded (a decompression bomb?); "
        "a larger MAX_IMAGE_PIXELS allows it"
    )
